"""Sentences to vectors: in order, and the same however they are batched."""

import dataclasses
import inspect
import threading
import typing

import jax
import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.encoding import chunked_encoder
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.models import heads
from labse_jax.tokenizer.tokenizer import Tokenizer
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
  monkeypatch.setattr(chunked_encoder, "CHUNK", 7)
  np.testing.assert_allclose(tiny_encoder.encode(lines), whole, atol=1e-6)


@pytest.mark.heavy
def test_one_device_and_eight_give_the_same(tiny_content, lines):
  module = heads.build(tiny_content.model, tiny_content.head)
  tokenizer = Tokenizer(tiny_content.tokenizer_file)
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
  with pytest.raises(InputError, match="default_prompt_name is 'passage'; choose from .'query'"):
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
  monkeypatch.setattr(chunked_encoder, "CHUNK", 5)
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


@pytest.mark.parametrize(
  ("arguments", "options", "message"),
  [
    ([["a", None]], {}, "got NoneType"),
    ([None], {}, "a string or a list of strings; got NoneType"),
    ([{"text": "a"}], {}, "got dict"),
    (["a"], {"prompt_name": "qery"}, "Unknown prompt_name 'qery'; did you mean 'query'"),
    (["a"], {"prompt": 3}, "prompt is a text; got 3"),
    (["a"], {"batch_size": 2.5}, "batch_size = 2.5; a whole number"),
    ([[b"a"]], {}, "got bytes"),
    (["\ud800"], {}, "encode: '.ud800' is not Unicode text"),
    (["a"], {"prompt": "a\udcff"}, "prompt: 'a.udcff' is not Unicode text"),
    (["a"], {"truncate_dim": 0}, "truncate_dim = 0"),
    (["a"], {"batch_size": -1}, "batch_size"),
  ],
)
def test_arguments_that_cannot_be(tiny_encoder, arguments, options, message):
  with pytest.raises(InputError, match=message):
    tiny_encoder.encode(*arguments, **options)


def test_a_folder_is_opened_by_the_class_as_by_load(tiny_folder, tiny_encoder, monkeypatch):
  monkeypatch.setenv("HOME", str(tiny_folder.parent))
  expected = tiny_encoder.encode("Hello")
  for encoder in (
    SentenceEncoder("~/tiny"),
    SentenceEncoder.load(str(tiny_folder), dtype="float32"),
    SentenceEncoder.load(tiny_folder, precision="float32"),
  ):
    np.testing.assert_array_equal(encoder.encode("Hello"), expected)
  assert SentenceEncoder(tiny_folder, precision="bfloat16").dtype == "bfloat16"


def test_settings_are_given_where_a_folder_is_opened(tiny_folder, tiny_encoder):
  given = {"prompts": {"query": "q: ", "b": "b: "}, "default_prompt_name": "b"}
  encoder = SentenceEncoder(tiny_folder, truncate_dim=4, similarity_fn_name="dot", **given)
  np.testing.assert_array_equal(encoder.encode("a"), tiny_encoder.encode("b: a")[:4])
  assert encoder.similarity_fn_name == "dot"


def test_prompts_that_are_no_dict_are_refused(tiny_folder):
  with pytest.raises(InputError, match="prompts is 'query: '; a dict of texts is needed, such as"):
    SentenceEncoder(tiny_folder, prompts="query: ")


def test_prompts_are_chosen_as_in_sentence_transformers(tiny_folder, tiny_encoder):
  encoder = SentenceEncoder(tiny_folder, prompts={"t": "t: "}, default_prompt_name="t")

  def prefix(vector_D):
    prompts = ("", "t: ", "q: ", "p: ", "say: ")
    (found,) = [
      p for p in prompts if np.allclose(vector_D, tiny_encoder.encode(p + "a"), atol=1e-6)
    ]
    return found

  assert prefix(encoder.encode("a")) == prefix(encoder.encode("a", "t")) == "t: "
  assert prefix(encoder.encode("a", prompt_name="t", prompt="say: ")) == "say: "
  # Every model has these two; the default prompt does not stand in for them.
  assert prefix(encoder.encode_query("a")) == prefix(encoder.encode_document("a")) == ""
  assert prefix(encoder.encode("a", prompt_name="document")) == ""
  encoder.prompts = {"t": "t: ", "query": "q: ", "passage": "p: "}
  assert prefix(encoder.encode_query("a")) == "q: "
  assert prefix(encoder.encode_document("a")) == "p: "
  assert (
    prefix(encoder.encode_document("a", "t")) == prefix(encoder.encode_query("a", "t")) == "t: "
  )
  assert prefix(encoder.encode_query("a", prompt="say: ")) == "say: "


def test_a_list_of_vectors_and_the_order_of_arguments(tiny_encoder):
  expected = tiny_encoder.encode(["p a", "p b"])
  got = tiny_encoder.encode(["a", "b"], None, "p ", 16, False, convert_to_numpy=False)
  assert isinstance(got, list)
  np.testing.assert_allclose(got, expected, atol=1e-6)
  tiny_encoder.encode(np.array(["a", "b"]), batch_size=np.int64(3))


def test_similarities_of_its_vectors(tiny_encoder):
  vectors = tiny_encoder.encode(["a", "b"])
  unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
  np.testing.assert_allclose(tiny_encoder.similarity(vectors, vectors), unit @ unit.T, atol=1e-6)
  np.testing.assert_allclose(tiny_encoder.similarity_pairwise(vectors, vectors), [1, 1], atol=1e-6)


def test_type_hints_are_whole():
  for name in dir(SentenceEncoder):
    kind = inspect.getattr_static(SentenceEncoder, name)
    if name.startswith("_") and name != "__init__":
      continue
    function = getattr(kind, "fget", None) or getattr(SentenceEncoder, name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not signature.empty, name
    for parameter in signature.parameters.values():
      assert parameter.name == "self" or parameter.annotation is not signature.empty, name


def defaults(function):
  """{argument: its default} of a method, in their order."""
  parameters = inspect.signature(function).parameters.values()
  return {each.name: each.default for each in parameters if each.name != "self"}


def test_type_checkers_see_the_arguments_that_encode_has():
  has = defaults(SentenceEncoder.encode)
  ways = typing.get_overloads(SentenceEncoder.encode)
  assert len(ways) == 3
  for way in ways:
    assert list(defaults(way)) == list(has)
    assert defaults(way) | {"convert_to_numpy": True} == has


def test_load_has_the_arguments_of_the_class():
  assert defaults(SentenceEncoder.load) == defaults(SentenceEncoder.__init__)


def test_ids_are_padded(tiny_encoder):
  got = tiny_encoder.tokenize(["one two three", "", "x " * 99])
  tokens, _ = tiny_encoder.tokenizer.encode(["one two three", "", "x " * 99], 64)
  assert got["input_ids"].shape == (3, 64) and got["input_ids"].dtype == np.int32
  for ids, mask, expected in zip(got["input_ids"], got["attention_mask"], tokens, strict=True):
    assert ids[mask == 1].tolist() == expected.tolist()
    assert set(ids[mask == 0]) <= {tiny_encoder.tokenizer.special_ids["pad"]}
  assert tiny_encoder.tokenize([])["input_ids"].shape == (0, 0)
  assert tiny_encoder.tokenize("one")["input_ids"].shape[0] == 1
  with pytest.raises(InputError, match="tokenize: '.ud800' is not Unicode text"):
    tiny_encoder.tokenize(["\ud800"])


def test_threads_get_what_they_get_alone(tiny_folder, lines):
  encoder = SentenceEncoder(tiny_folder)
  parts = [["x " * 90, *lines[n::4], "y"] for n in range(4)]
  together = [None] * 12
  start = threading.Barrier(12)

  def encoded(n):
    return encoder.encode_counted(parts[n % 4], prompt=f"{n % 4}: ")

  def work(n):
    start.wait()
    together[n] = encoded(n)

  threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  alone = [encoded(n) for n in range(4)]
  assert len({cut for _, cut in alone}) > 1
  for n, (vectors_ND, cut) in enumerate(together):
    np.testing.assert_array_equal(vectors_ND, alone[n % 4][0])
    assert cut == alone[n % 4][1]


def test_threads_may_set_another_limit(tiny_folder):
  encoder = SentenceEncoder(tiny_folder)
  texts = ["x " * 90] * 50
  expected = {}
  for limit in (10, 20):
    encoder.max_seq_length = limit
    expected[limit] = len(encoder.tokenize(texts[0])["input_ids"][0])
  wrong = []

  def work(limit):
    for _ in range(20):
      encoder.max_seq_length = limit
      try:
        tokens, _, longest = encoder._ids(texts)
      except BaseException as error:
        wrong.append(error)
        return
      if {len(ids) for ids in tokens} != {expected[longest]}:
        wrong.append(longest)

  threads = [threading.Thread(target=work, args=(limit,)) for limit in (10, 20, 10, 20)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert not wrong


@pytest.fixture
def e5(tiny_content, tmp_path, capsys, monkeypatch):
  """e5(prompts, name) -> (an encoder of a folder of that name, what was said as it was opened).

  It encodes nothing: what is said is said before, and compiling would take seconds.
  """
  monkeypatch.setattr(SentenceEncoder, "encode", lambda *values, **options: None)

  def opened(prompts, name="multilingual-e5-small", default="query"):
    path = tmp_path / name
    content = dataclasses.replace(
      tiny_content,
      head=dict(tiny_content.head, pooling="mean", dense=0),
      params={name: value for name, value in tiny_content.params.items() if name != "dense"},
      prompts=prompts,
      default_prompt=default if default in prompts else None,
    )
    model_folder.write(path, content)
    encoder = SentenceEncoder(path)
    return encoder, capsys.readouterr().err

  return opened


NO_PASSAGE = "multilingual E5 needs 'passage: ' before each document, not "


def test_e5_without_its_prompt_for_documents_is_told_once(e5, capsys):
  encoder, said = e5({"query": "query: "})
  assert said == ""
  encoder.encode_document("a", warn=False)
  encoder.encode_document("a", prompt="passage: ")
  encoder.encode_document("a", None, "passage: ")
  encoder.encode_document("a", "query")
  encoder.encode_query("a")
  encoder.encode("a")
  assert capsys.readouterr().err == ""
  encoder.encode_document("a")
  said = capsys.readouterr().err
  assert NO_PASSAGE + "''" in said and said.count("\n") == 1
  encoder.encode_document("a")
  assert encoder.role_prompt("document") == "query: "
  assert capsys.readouterr().err == ""


def test_a_role_has_the_folder_s_prompt_or_else_its_default_one(e5, capsys):
  encoder, _ = e5({"query": "query: "})
  assert [encoder.role_prompt(role) for role in ("query", "document")] == ["query: "] * 2
  said = capsys.readouterr().err
  assert NO_PASSAGE + "'query: '" in said and said.count("\n") == 1
  encoder.prompts = {"query": "query: ", "passage": "passage: "}
  assert encoder.role_prompt("document") == "passage: "


@pytest.mark.parametrize(
  ("prompts", "name"),
  [({"query": "query: ", "passage": "passage: "}, "e5-small"), ({"query": "query: "}, "mine")],
)
def test_what_is_right_or_unknown_is_not_told(e5, capsys, prompts, name):
  encoder, _ = e5(prompts, name)
  encoder.encode_document("a")
  encoder.role_prompt("document")
  encoder.role_prompt("query")
  assert capsys.readouterr().err == ""


def test_what_was_told_as_the_folder_was_opened_is_not_told_again(e5, capsys):
  encoder, said = e5({})
  assert "'query: ' or 'passage: ' before each text, not ''" in said
  encoder.encode_document("a")
  assert capsys.readouterr().err == ""


def test_an_encoder_shows_what_it_is(tiny_folder, tiny_encoder, tiny_content):
  encoder = SentenceEncoder(tiny_folder, prompts={"q": "query: "}, truncate_dim=8)
  assert repr(encoder) == (
    f"SentenceEncoder(folder={str(tiny_folder.resolve())!r}, kind='BERT', pooling='cls', "
    "dimension=8, max_seq_length=64, prompts={'q': 'query: '}, default_prompt_name=None, "
    "dtype='float32')"
  )
  module = heads.build(tiny_content.model, tiny_content.head, dtype="bfloat16")
  parts = SentenceEncoder.of_parts(module, None, tiny_encoder.tokenizer, max_length=9)
  assert "folder=None" in repr(parts) and "dtype='bfloat16'" in repr(parts)
