"""What a text uses of a vocabulary: how often each piece, and which characters."""

import collections
from collections.abc import Iterable

import numpy as np

from labse_jax.data.lines import chunks
from labse_jax.surgery import tokenizer_edits
from labse_jax.tokenizer.tokenizer import Tokenizer


def count(tokenizer: Tokenizer, lines: Iterable[str]) -> np.ndarray:
  """counts_V, int64: how often the lines use each id, the special tokens among them."""
  counts_V = _zeros(tokenizer)
  for chunk in chunks(lines):
    _add(counts_V, tokenizer.encode_whole(chunk))
  return counts_V


def usage(tokenizer: Tokenizer, lines: Iterable[str]) -> tuple[np.ndarray, set[str]]:
  """Returns (counts_V, the set of the lines' characters after normalisation).

  A word that WordPiece cannot spell is [UNK] as a whole. The pieces that it tried are counted too:
  without them, shorter ones might spell a word that was unknown.
  """
  content = tokenizer_edits.load(tokenizer)
  is_wordpiece = content["model"]["type"] == "WordPiece"
  unknown = tokenizer_edits.unknown(content)
  counts_V = _zeros(tokenizer)
  characters: set[str] = set()
  unspelled: collections.Counter[str] = collections.Counter()
  for chunk in chunks(lines):
    ids = tokenizer.encode_whole(chunk)
    _add(counts_V, ids)
    for line, ids_L in zip(chunk, ids, strict=True):
      line = normalised(tokenizer, line)
      characters.update(line)
      # Only a line with [UNK] can have such a word, so the others are not split once more.
      if is_wordpiece and unknown in ids_L:
        unspelled.update(words(tokenizer, line))
  vocabulary = tokenizer_edits.ids_of(content)
  for word, times in unspelled.items():
    pieces, whole = tokenizer_edits.longest_match(content, word)
    if not whole:
      counts_V[[vocabulary[piece] for piece in pieces]] += times
  return counts_V, characters


def _zeros(tokenizer):
  return np.zeros(1 + max(tokenizer.backend.get_vocab().values()), np.int64)


def _add(counts_V, ids):
  counts_V += np.bincount(np.concatenate(ids), minlength=len(counts_V))


def normalised(tokenizer: Tokenizer, line: str) -> str:
  """The line as the tokenizer's model sees it."""
  normaliser = tokenizer.backend.normalizer
  return normaliser.normalize_str(line) if normaliser else line


def words(tokenizer: Tokenizer, normalised_line: str) -> list[str]:
  """The words that the tokenizer's model splits, each on its own."""
  splitter = tokenizer.backend.pre_tokenizer
  if splitter is None:
    return [normalised_line]
  return [word for word, _ in splitter.pre_tokenize_str(normalised_line)]
