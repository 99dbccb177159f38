"""Guesses of joined texts' vectors, and what is made of them once some were encoded."""

import numpy as np
import pytest

from labse_jax.mining import joined_texts
from labse_jax.neighbours.unit_vectors import unit


@pytest.fixture
def sentence_ND():
  return unit(np.random.default_rng(0).normal(size=(5, 8)))


def test_a_guess_is_the_direction_of_the_sum(sentence_ND):
  guess = joined_texts.guessed(sentence_ND, 3)
  for k in range(3):
    for n in range(5):
      total_D = sum(sentence_ND[max(0, n - k) : n + 1])
      np.testing.assert_allclose(
        guess.vectors_KND[k, n], total_D / np.linalg.norm(total_D), atol=1e-6
      )
  assert guess.usable_KN.all()
  np.testing.assert_allclose(guess.mean_KD, guess.vectors_KND.mean(1))


def test_what_is_encoded_corrects_the_mean_of_all(sentence_ND):
  """Where each vector differs from its guess by the same, the mean is that of all vectors."""
  guess = joined_texts.guessed(sentence_ND, 2)
  true_KND = guess.vectors_KND + np.linspace(-0.1, 0.1, 8, dtype=np.float32)
  chosen_KN = np.zeros((2, 5), bool)
  chosen_KN[0] = True
  chosen_KN[1, [1, 4]] = True
  texts = joined_texts.corrected(guess, true_KND[chosen_KN], chosen_KN)
  np.testing.assert_allclose(texts.mean_KD, true_KND.mean(1), atol=1e-6)
  np.testing.assert_array_equal(texts.vectors_KND[chosen_KN], true_KND[chosen_KN])
  np.testing.assert_array_equal(texts.vectors_KND[~chosen_KN], guess.vectors_KND[~chosen_KN])
  np.testing.assert_array_equal(texts.usable_KN, chosen_KN)


def test_a_size_of_which_no_text_is_encoded_keeps_its_guesses(sentence_ND):
  guess = joined_texts.guessed(sentence_ND, 2)
  chosen_KN = np.array([[True] * 5, [False] * 5])
  texts = joined_texts.corrected(guess, guess.vectors_KND[0], chosen_KN)
  np.testing.assert_array_equal(texts.mean_KD, guess.mean_KD)
