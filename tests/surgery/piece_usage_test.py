"""What lines use: counted piece by piece, characters and failed words among it."""

from collections import Counter

import numpy as np
import pytest

from labse_jax.data import lines as lines_module
from labse_jax.surgery import piece_usage, tokenizer_edits
from labse_jax.tokenizer.tokenizer import Tokenizer


@pytest.fixture(params=["tiny_vocabulary", "tiny_wordpiece"])
def tokenizer(request):
  return Tokenizer(request.getfixturevalue(request.param) / "tokenizer.json")


def test_counts_are_of_whole_lines(tokenizer, real_lines, monkeypatch):
  monkeypatch.setattr(lines_module, "CHUNK", 7)
  lines = [*real_lines[:100], "a " * 500]
  expected = Counter(i for e in tokenizer.backend.encode_batch(lines) for i in e.ids)
  counts_V = piece_usage.count(tokenizer, iter(lines))
  assert counts_V.dtype == np.int64 and counts_V.shape == (1000,)
  assert {i: n for i, n in enumerate(counts_V.tolist()) if n} == expected
  assert counts_V[2] == counts_V[3] == 101
  assert piece_usage.count(tokenizer, []).sum() == 0


def test_characters_are_those_after_normalisation(tokenizer):
  _, characters = piece_usage.usage(tokenizer, ["ｘ é", "日本"])
  unigram = tokenizer.path.with_name("sentencepiece.model").exists()
  assert characters - {" "} == {"x" if unigram else "ｘ", "é", "日", "本"}


def test_without_a_pre_tokenizer_a_line_is_one_word(tokenizer):
  tokenizer.backend.pre_tokenizer = None
  assert piece_usage.words(tokenizer, "a b") == ["a b"]


def test_a_word_that_fails_needs_the_pieces_that_it_tried(tmp_path, tiny_wordpiece):
  content = tokenizer_edits.load(Tokenizer(tiny_wordpiece / "tokenizer.json"))
  special = list(content["model"]["vocab"])[:5]
  pieces = [*special, "a", "ab", "abc", "##cd", "##b", "x"]
  content["model"]["vocab"] = {piece: i for i, piece in enumerate(pieces)}
  tokenizer_edits.save(content, tmp_path / "tokenizer.json")
  tokenizer = Tokenizer(tmp_path / "tokenizer.json")
  # "abc" is the longest match and "d" fails; without "abc" the word would be "ab" and "##cd".
  assert tokenizer.encode_whole(["abcd x"])[0].tolist() == [2, 1, 10, 3]
  counts_V, _ = piece_usage.usage(tokenizer, ["abcd x", "abcd", "xx ab"])
  assert counts_V.tolist() == [0, 3, 3, 3, 0, 0, 1, 2, 0, 0, 2]
