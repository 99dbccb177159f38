"""Pairs that mining does not take."""

import numpy as np

from labse_jax.pair_filters import allowed_pairs


def verdicts(sources, targets, min_characters=1, max_ratio=6.0):
  allowed = allowed_pairs(sources, targets, min_characters=min_characters, max_ratio=max_ratio)
  rows = np.repeat(np.arange(len(sources)), len(targets))
  found = allowed(rows, np.tile(np.arange(len(targets)), len(sources)))
  return found.reshape(len(sources), -1).tolist()


def test_copies_are_dropped():
  assert verdicts(["Paris", "Rom"], ["Rome", "Paris"]) == [[True, False], [True, True]]


def test_short_and_lopsided_pairs_are_dropped():
  assert verdicts(["ja"], ["yes", "no"], min_characters=3) == [[True, False]]
  assert verdicts(["我"], ["a" * 16, "a" * 17]) == [[True, False]]  # 6 x 1 and ten of grace.
  assert verdicts(["a" * 41, "a" * 40], ["b" * 15], max_ratio=2.0) == [[False], [True]]


def test_no_pairs_are_no_verdicts():
  nothing = np.array([], int)
  assert allowed_pairs(["a"], ["b"], min_characters=1, max_ratio=6.0)(nothing, nothing).shape == (
    0,
  )
