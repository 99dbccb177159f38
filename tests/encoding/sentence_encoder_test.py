"""Sentences to vectors: in order, and the same however they are batched."""

import dataclasses

import jax
import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.encoding import sentence_encoder
from labse_jax.encoding.packed_forward import row_lengths
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.models import heads
from tests.support.uneven_lines import uneven_lines


@pytest.fixture
def lines(real_lines):
  return uneven_lines(real_lines)


def test_a_string_gives_a_vector_and_a_list_a_matrix(tiny_encoder):
  one, two = tiny_encoder.encode("Hello"), tiny_encoder.encode(["Hello", "Bonjour"])
  assert one.shape == (32,) and two.shape == (2, 32) and one.dtype == two.dtype == np.float32
  np.testing.assert_allclose(two[0], one, atol=1e-6)
  empty = tiny_encoder.encode([], normalize_embeddings=True, truncate_dim=8)
  assert empty.shape == (0, 8) and tiny_encoder.encode([]).shape == (0, 32)
  assert tiny_encoder.encode(iter(["Hello"])).shape == (1, 32)


@pytest.mark.heavy
def test_order_is_kept_and_batches_change_nothing(tiny_encoder, lines):
  together = tiny_encoder.encode(lines)
  apart = np.stack([tiny_encoder.encode(line) for line in lines])
  np.testing.assert_allclose(together, apart, atol=1e-6)
  for batch_size in (1, 7, 64):
    np.testing.assert_allclose(
      tiny_encoder.encode(lines, batch_size=batch_size), together, atol=1e-6
    )
  assert np.abs(together[:-1] - together[1:]).max(1).min() > 1e-3  # No two neighbours are one.


@pytest.mark.heavy
def test_chunks_of_sentences_change_nothing(tiny_encoder, lines, monkeypatch):
  whole = tiny_encoder.encode(lines)
  monkeypatch.setattr(sentence_encoder, "CHUNK", 7)
  np.testing.assert_allclose(tiny_encoder.encode(lines), whole, atol=1e-6)


@pytest.mark.heavy
def test_one_device_and_eight_give_the_same(tiny_content, lines):
  module = heads.build(tiny_content.model, tiny_content.head)
  tokenizer = sentence_encoder.Tokenizer(tiny_content.tokenizer_file)
  vectors = [
    SentenceEncoder.of_parts(
      module,
      tiny_content.params,
      tokenizer,
      max_length=64,
      mesh=make_mesh(devices=jax.devices()[:count]),
    ).encode(lines)
    for count in (1, 8)
  ]
  assert jax.device_count() == 8
  np.testing.assert_allclose(*vectors, atol=1e-6)


def test_a_default_prompt_that_is_not_there_is_said(tiny_content, tmp_path):
  content = dataclasses.replace(tiny_content, prompts={"query": "q: "}, default_prompt="passage")
  model_folder.write(tmp_path / "m", content)
  with pytest.raises(InputError, match="default_prompt_name is 'passage'; one of .'query'"):
    SentenceEncoder.load(tmp_path / "m")


@pytest.mark.heavy
def test_normalisation_and_truncation_as_in_sentence_transformers(tmp_path, with_head, lines):
  model_folder.write(tmp_path / "m", with_head("mean", 0, False))
  encoder = SentenceEncoder.load(tmp_path / "m")
  plain = encoder.encode(lines)
  assert np.ptp(np.linalg.norm(plain, axis=1)) > 0.01
  np.testing.assert_allclose(encoder.encode(lines, truncate_dim=5), plain[:, :5], atol=1e-6)
  cut = plain[:, :5] / np.linalg.norm(plain[:, :5], axis=1, keepdims=True)
  got = encoder.encode(lines, truncate_dim=5, normalize_embeddings=True)
  np.testing.assert_allclose(got, cut, atol=1e-6)


def test_the_default_prompt_is_applied_and_can_be_replaced(tmp_path, tiny_content, tiny_encoder):
  content = dataclasses.replace(
    tiny_content, prompts={"query": "query: ", "other": "o "}, default_prompt="query"
  )
  model_folder.write(tmp_path / "m", content)
  encoder = SentenceEncoder.load(tmp_path / "m")
  for prompt, text in ((None, "query: Hello"), ("", "Hello"), ("say: ", "say: Hello")):
    got = encoder.encode("Hello", prompt=prompt)
    np.testing.assert_allclose(got, tiny_encoder.encode(text), atol=1e-6)


def test_cut_sentences_are_counted_and_said_once(tiny_encoder, lines, monkeypatch, capsys):
  monkeypatch.setattr(sentence_encoder, "CHUNK", 5)
  sentences = ["x " * 300, *lines[:20], "x " * 200]
  lengths = tiny_encoder.tokenizer.encode(sentences, 4096)[0]
  expected = sum(len(tokens) > 64 for tokens in lengths)
  assert expected >= 2
  vectors = tiny_encoder.encode(sentences)
  assert tiny_encoder.encode_counted(sentences)[1] == expected
  said = f"labse-jax: {expected} of 22 sentences are longer than 64 tokens and were cut.\n"
  assert capsys.readouterr().err == said
  np.testing.assert_allclose(vectors[0], vectors[-1], atol=1e-6)  # The same first 62 tokens.
  tiny_encoder.encode("short")
  assert capsys.readouterr().err == ""


def test_progress_is_shown_only_on_demand(tiny_encoder, capsys):
  tiny_encoder.encode(["a"])
  assert capsys.readouterr().err == ""
  tiny_encoder.encode(["a"], show_progress_bar=True)
  assert "1/1" in capsys.readouterr().err


def with_limit(content, positions, max_length):
  model = dict(content.model, positions=positions)
  module = heads.build(model, content.head)
  params = jax.jit(lambda key: heads.init(module, key))(jax.random.key(0))
  tokenizer = sentence_encoder.Tokenizer(content.tokenizer_file)
  return SentenceEncoder.of_parts(module, params, tokenizer, max_length=max_length)


@pytest.mark.heavy
def test_at_most_nine_compilations(tiny_content):
  encoder = with_limit(tiny_content, 600, 600)
  assert row_lengths(600) == (32, 128, 512, 600)
  for n in (1, 5, 50, 31, 100, 101, 300, 2000):
    encoder.encode(["x " * n, *["y"] * (n // 10)])
  encoder.encode(["x"] * 3000)
  assert encoder._packed.forward._cache_size() <= 3 + 3 + 2 + 1


@pytest.mark.heavy
def test_the_last_batch_is_no_larger_than_it_must_be(tiny_content, monkeypatch):
  encoder = with_limit(tiny_content, 64, 64)
  encoder._packed.mesh = make_mesh(devices=jax.devices()[:1])
  seen = []

  def forward(_, tokens_BL, segments_BL, positions_BL, *, slots):
    seen.append(tokens_BL.shape)
    return np.zeros((len(tokens_BL), slots, 32), np.float32)

  monkeypatch.setattr(encoder._packed, "forward", forward)
  for count, rows in ((1, [2]), (2, [2]), (3, [8]), (9, [32]), (33, [32, 2]), (40, [32, 8])):
    seen.clear()
    encoder.encode(["x " * 14] * count)  # Each fills a row: a word is two pieces.
    assert seen == [(n, 32) for n in rows]
  seen.clear()
  encoder.encode(["x " * 30] * 17)
  assert seen == [(16, 64), (1, 64)]


@pytest.mark.parametrize(
  ("max_length", "rows"),
  [(3, (3,)), (31, (31,)), (32, (32,)), (33, (32, 33)), (128, (32, 128)), (512, (32, 128, 512))],
)
def test_row_lengths_ascend_to_the_limit(tiny_content, max_length, rows, monkeypatch):
  module = heads.build(dict(tiny_content.model, positions=512), tiny_content.head)
  tokenizer = sentence_encoder.Tokenizer(tiny_content.tokenizer_file)
  encoder = SentenceEncoder.of_parts(module, None, tokenizer, max_length=max_length)
  assert row_lengths(max_length) == rows
  seen = []

  def forward(_, tokens_BL, segments_BL, positions_BL, *, slots):
    seen.append((tokens_BL.shape[1], int(positions_BL.max()), int(segments_BL.max())))
    return np.zeros((len(tokens_BL), slots, 32), np.float32)

  monkeypatch.setattr(encoder._packed, "forward", forward)
  encoder.encode(["", "x", *("x " * n for n in (3, 20, 40, 130, 500, 700))])
  assert {length for length, _, _ in seen} == set(rows)
  assert max(position for _, position, _ in seen) == max_length - 1
  assert all(segment <= max(1, length // 4) for length, _, segment in seen)


@pytest.mark.parametrize("max_length", [0, 2, 65])
def test_a_limit_that_the_model_cannot_hold_is_refused(tiny_content, max_length):
  with pytest.raises(InputError, match=f"max_seq_length = {max_length}; 3 to 64"):
    with_limit(tiny_content, 64, max_length)


@pytest.mark.parametrize(
  ("arguments", "options", "message"),
  [
    ([["a", None]], {}, "got NoneType"),
    ([[b"a"]], {}, "got bytes"),
    (["a"], {"truncate_dim": 0}, "truncate_dim = 0"),
    (["a"], {"batch_size": -1}, "batch_size"),
  ],
)
def test_arguments_that_cannot_be(tiny_encoder, arguments, options, message):
  with pytest.raises(InputError, match=message):
    tiny_encoder.encode(*arguments, **options)
