"""The joined sentences of a document: their vectors, guessed at first and encoded where needed."""

from typing import NamedTuple

import numpy as np

from labse_jax.neighbours.unit_vectors import unit


class Texts(NamedTuple):
  """Texts of a document: row K holds each K + 1 sentences that end with sentence N, joined.

  `vectors_KND` are of length 1, and `mean_KD` are their means over the document. Only the texts of
  `usable_KN` may stand in a pair.
  """

  vectors_KND: np.ndarray
  mean_KD: np.ndarray
  usable_KN: np.ndarray


def encoded(vectors_KND: np.ndarray) -> Texts:
  """Texts that were all encoded."""
  return Texts(vectors_KND, vectors_KND.mean(1), np.ones(vectors_KND.shape[:2], bool))


def guessed(sentence_ND: np.ndarray, sizes: int) -> Texts:
  """Texts of up to `sizes` sentences whose vectors are the means of those of their sentences.

  With multilingual-e5-small the cosine of a guess and the text's own vector was 0.96 to 0.98.
  """
  count = len(sentence_ND)
  until_ND = np.pad(np.cumsum(sentence_ND, 0, np.float64), ((1, 0), (0, 0)))
  rows = []
  for before in range(sizes):
    first_N = np.maximum(0, np.arange(count) - before)
    rows.append(unit(until_ND[1:] - until_ND[first_N]))
  return encoded(np.array(rows, np.float32))


def corrected(guess: Texts, found_PD: np.ndarray, encoded_KN: np.ndarray) -> Texts:
  """Guessed Texts once the P texts of `encoded_KN` were encoded: only they are usable.

  Distances are measured against the mean of all texts, of which few are encoded. It is the mean of
  the guesses, plus what the encoded ones differ from their guesses by on average.
  """
  vectors_KND = guess.vectors_KND.copy()
  vectors_KND[encoded_KN] = found_PD
  count_K1 = np.maximum(1, encoded_KN.sum(1))[:, None]
  error_KD = (vectors_KND - guess.vectors_KND).sum(1) / count_K1
  return Texts(vectors_KND, guess.mean_KD + error_KD, encoded_KN)
