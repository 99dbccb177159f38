"""Pairs within one list, against brute force."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.neighbours.similar_pairs import similar_pairs


def brute_force(x_ND, k):
  """{(row, other): score} of each row's k nearest others; ties by the lower row."""
  scores_NN = x_ND @ x_ND.T
  pairs = {}
  for row, scores_N in enumerate(scores_NN):
    order = [other for other in np.argsort(-scores_N, kind="stable") if other != row]
    for other in order[:k]:
      pairs[min(row, other), max(row, other)] = scores_N[other]
  return pairs


@pytest.mark.parametrize("count, k", [(2, 1), (40, 3), (40, 39)])
def test_each_pair_comes_once_and_the_best_first(count, k):
  x_ND = np.random.default_rng(0).integers(-3, 4, (count, 5)).astype(np.float32)  # Full of ties.
  x_ND += 10 * np.eye(count, 5, dtype=np.float32)
  scores_P, row_P, other_P = similar_pairs(x_ND, k)
  expected = sorted(brute_force(x_ND, k).items(), key=lambda item: (-item[1], item[0]))
  assert list(zip(row_P, other_P, strict=True)) == [pair for pair, _ in expected]
  np.testing.assert_array_equal(scores_P, [score for _, score in expected])


def test_no_vector_is_its_own_neighbour_among_many_equal_ones():
  scores_P, row_P, other_P = similar_pairs(np.ones((30, 2), np.float32), 2)
  assert (row_P < other_P).all()
  assert set(scores_P.tolist()) == {2}
  assert set(row_P) | set(other_P) == set(range(30))


def test_too_few_vectors_are_refused():
  with pytest.raises(InputError, match="k = 4"):
    similar_pairs(np.ones((3, 2), np.float32), 3)
