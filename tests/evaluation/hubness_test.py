"""Hubness against brute force and scipy."""

import numpy as np
import pytest
from scipy import stats

from labse_jax.evaluation import multilingual


@pytest.mark.parametrize("at_once", [1, 100, 1 << 24])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_counts_agree_with_brute_force(monkeypatch, at_once, k):
  monkeypatch.setattr(multilingual, "SCORES_AT_ONCE", at_once)
  x_BD, y_CD = (np.random.default_rng(seed).normal(size=(20 + seed, 4)) for seed in (0, 1))
  order_BC = np.argsort(-(x_BD @ y_CD.T), axis=1)[:, :k]
  expected = [(order_BC == place).sum() for place in range(len(y_CD))]
  assert multilingual.k_occurrence(x_BD, y_CD, k).tolist() == expected


def test_skewness_is_scipys_and_shows_a_hub():
  rng = np.random.default_rng(0)
  count_C = rng.poisson(3, 500)
  assert multilingual.skewness(count_C) == pytest.approx(stats.skew(count_C))
  assert multilingual.skewness(np.full(5, 2)) == 0
  x_ND = rng.normal(size=(200, 3))
  x_ND /= np.linalg.norm(x_ND, axis=1, keepdims=True)
  with_hub = np.concatenate([x_ND, 5 * np.ones((1, 3))])
  even, uneven = (
    multilingual.skewness(multilingual.k_occurrence(x_ND, y, 5)) for y in (x_ND, with_hub)
  )
  assert uneven > even + 1
