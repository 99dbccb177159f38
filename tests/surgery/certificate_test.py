"""The certificate: which lines are the same, and how near the vectors of the others are."""

import dataclasses

import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax.data import lines as lines_module
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.surgery import certificate, tokenizer_edits, word_rows
from labse_jax.tokenizer.tokenizer import Tokenizer


@pytest.fixture
def half(tmp_path, tiny_content, real_lines):
  """(folder, ids, text) of a model that knows the pieces of the first half of some lines."""
  tokenizer = Tokenizer(tiny_content.tokenizer_file)
  content = tokenizer_edits.load(tokenizer)
  ids = np.concatenate(tokenizer.encode_whole(real_lines[:30]))
  kept = np.array(sorted({*ids.tolist(), *tokenizer_edits.needed(content)}))

  def write(dtype="float32"):
    cut = dataclasses.replace(word_rows.cut(tiny_content, kept), dtype=dtype)
    word_rows.write(tmp_path / dtype, cut, tokenizer_edits.cut(content, kept))
    return tmp_path / dtype

  return write, kept, lambda: ((f"f:{n}", line) for n, line in enumerate(real_lines[:60], 1))


@pytest.mark.heavy
def test_lines_that_are_the_same_have_the_same_vectors_to_the_bit(
  tiny_folder, half, real_lines, monkeypatch
):
  monkeypatch.setattr(lines_module, "CHUNK", 7)
  write, kept, text = half
  found = certificate.certify((tiny_folder, write()), kept, text, exact=True)
  others = [int(place.removeprefix("f:")) - 1 for place in found["others"]["places"]]
  assert 5 < len(others) < 30 and min(others) >= 30
  assert found["lines"] == 60 and found["drift"] is None
  assert found["identical"] == {"lines": 60 - len(others), "share": 1 - len(others) / 60}
  full, trimmed = (SentenceEncoder.load(path) for path in (tiny_folder, write()))
  same = [real_lines[n] for n in range(60) if n not in others]
  assert np.array_equal(full.encode(same), trimmed.encode(same))
  rest = [real_lines[n] for n in others]
  cosine = (full.encode(rest).astype(float) * trimmed.encode(rest)).sum(1)  # Both of length 1.
  assert found["others"]["lines"] == len(others) and cosine.min() < 0.99
  np.testing.assert_allclose(found["others"]["worst_cosine"], cosine.min(), atol=1e-5)
  np.testing.assert_allclose(found["others"]["mean_cosine"], cosine.mean(), atol=1e-5)


@pytest.mark.parametrize("dtype, drift", [("bfloat16", 1e-3), ("int8_rows", 1e-2)])
def test_what_the_storage_does_is_measured_on_lines_that_are_the_same(
  tiny_folder, half, dtype, drift
):
  write, kept, text = half
  found = certificate.certify((tiny_folder, write(dtype)), kept, text, exact=False)
  assert found["drift"]["lines"] == found["identical"]["lines"]
  assert 1 - drift < found["drift"]["worst_cosine"] < found["drift"]["mean_cosine"] < 1
  assert found["others"]["worst_cosine"] < found["drift"]["worst_cosine"]


def test_the_prompt_belongs_to_each_line(half, tiny_content):
  write, kept, _ = half
  full, trimmed = (
    Tokenizer(model_folder.describe(path).tokenizer_file) for path in (write(), write())
  )

  def text():
    return [("f:1", "a"), ("f:2", "")]

  identity = np.arange(len(kept))
  assert certificate.same_ids(full, trimmed, identity, text(), "")[0].tolist() == [True, True]
  lacking = identity.copy()
  lacking[full.encode_whole(["q"])[0][1]] = 0  # As if the trimmed tokenizer had no "q".
  same_N, others = certificate.same_ids(full, trimmed, lacking, text(), "q ")
  assert not same_N.any() and others == ["f:1", "f:2"]


@pytest.mark.parametrize("count, expected", [(0, 0), (3, 3), (2000, 2000), (4999, 2000)])
def test_a_sample_is_of_lines_that_are_the_same_and_even(count, expected):
  same_N = np.arange(2 * count) % 2 == 1
  sample_N = certificate.sampled(same_N)
  assert sample_N.sum() == expected and not (sample_N & ~same_N).any()
  if expected:
    assert np.diff(np.flatnonzero(sample_N), append=2 * count).max() <= 6


def test_a_summary_of_nothing_has_no_cosine():
  empty = certificate.summary(np.zeros(0))
  assert empty == {"lines": 0, "worst_cosine": None, "mean_cosine": None}
