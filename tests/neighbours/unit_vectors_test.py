"""Vectors of length 1 against float64."""

import numpy as np
import pytest

from labse_jax.neighbours.unit_vectors import unit


@pytest.mark.parametrize("shape", [(5,), (7, 5), (2, 3, 5)])
def test_lengths_are_one_and_directions_stay(shape):
  x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
  expected = x.astype(float) / np.sqrt((x.astype(float) ** 2).sum(-1, keepdims=True))
  np.testing.assert_allclose(unit(x), expected, rtol=1e-6)
  assert unit(x).dtype == np.float32


def test_a_vector_of_zeros_stays_one():
  assert not unit(np.zeros((2, 3), np.float32)).any()
