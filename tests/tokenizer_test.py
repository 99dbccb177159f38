"""Ids are those of the folder's tokenizer.json; what is too long is cut and counted."""

import numpy as np
import pytest
from tokenizers import Tokenizer as Backend

from labse_jax.data.tokenizer import Tokenizer
from labse_jax.errors import InputError


@pytest.fixture(scope="module")
def tokenizer(tiny_vocabulary):
  return Tokenizer(tiny_vocabulary / "tokenizer.json")


def test_ids_are_the_file_s_own(tokenizer, tiny_vocabulary, real_lines):
  backend = Backend.from_file(str(tiny_vocabulary / "tokenizer.json"))
  ids, cut = tokenizer.encode(real_lines[:200], 512)
  assert cut == 0 and ids[0].dtype == np.int32
  for got, line in zip(ids, real_lines[:200], strict=True):
    assert got.tolist() == backend.encode(line).ids
    assert got[0] == 2 and got[-1] == 3


@pytest.mark.parametrize("length", [3, 5, 8])
def test_long_sentences_are_cut_between_the_special_tokens(tokenizer, real_lines, length):
  whole, _ = tokenizer.encode(real_lines[:300], 512)
  ids, cut = tokenizer.encode(real_lines[:300], length)
  assert cut == sum(len(w) > length for w in whole) > 0
  for got, w in zip(ids, whole, strict=True):
    assert got.tolist() == (w.tolist() if len(w) <= length else [*w[: length - 1].tolist(), 3])
  # And a longer limit again afterwards.
  again, cut = tokenizer.encode(real_lines[:300], 512)
  assert cut == 0 and all((a == w).all() for a, w in zip(again, whole, strict=True))


def test_exactly_as_long_is_not_cut(tokenizer, real_lines):
  (ids,), _ = tokenizer.encode(real_lines[:1], 512)
  assert tokenizer.encode(real_lines[:1], len(ids))[1] == 0
  assert tokenizer.encode(real_lines[:1], len(ids) - 1)[1] == 1


def test_an_empty_line_is_two_tokens(tokenizer):
  ids, cut = tokenizer.encode(["", " \t "], 8)
  assert [i.tolist() for i in ids] == [[2, 3], [2, 3]] and cut == 0


def test_padding_and_truncation_saved_in_the_file_do_not_matter(tmp_path, tiny_vocabulary):
  backend = Backend.from_file(str(tiny_vocabulary / "tokenizer.json"))
  backend.enable_padding(length=50)
  backend.enable_truncation(4)
  backend.save(str(tmp_path / "tokenizer.json"))
  (ids,), cut = Tokenizer(tmp_path / "tokenizer.json").encode(["one two three four five"], 40)
  assert 4 < len(ids) < 40 and cut == 0


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"model": {"type": "Nothing"}}'])
def test_what_is_no_tokenizer_is_said_in_one_line(tmp_path, text):
  if text is not None:
    (tmp_path / "tokenizer.json").write_text(text)
  with pytest.raises(InputError, match="tokenizer.json: (no such file|not a tokenizer)"):
    Tokenizer(tmp_path / "tokenizer.json")
