"""Resampling against draws of single items."""

import numpy as np
import pytest

from labse_jax.evaluation import resampling


def test_resamplings_draw_every_item_alike(monkeypatch):
  monkeypatch.setattr(resampling, "DRAWN_AT_ONCE", 7 * 30)  # 10,000 is no multiple of 30.
  counts_RB = resampling.resampled(lambda counts_rB: counts_rB, 7, key=3)
  assert counts_RB.shape == (resampling.RESAMPLES, 7) and (counts_RB.sum(1) == 7).all()
  # A count is binomial of 7 and 1/7: mean 1, variance 6/7, and -1/7 with another's.
  np.testing.assert_allclose(counts_RB.mean(0), 1, atol=0.05)
  covariance = np.cov(counts_RB.T)
  np.testing.assert_allclose(covariance, np.eye(7) - 1 / 7, atol=0.05)


def test_the_key_alone_decides_the_draws():
  draws = [resampling.resampled(lambda c_rB: c_rB[:, 0], 50, key=key) for key in (1, 1, 2)]
  assert (draws[0] == draws[1]).all() and (draws[0] != draws[2]).any()


def test_an_interval_holds_95_percent():
  metric = resampling.interval(np.float32(0.5), np.arange(1001) / 1000)
  assert metric == pytest.approx({"value": 0.5, "low": 0.025, "high": 0.975})
  assert type(metric["value"]) is float
  both = resampling.both_directions("error", 0.2, 0.4, np.full(9, 0.3))
  assert list(both) == ["error", "forward", "backward"]
  assert both["error"] == pytest.approx({"value": 0.3, "low": 0.3, "high": 0.3})


def test_totals_of_rows_are_those_of_drawn_rows():
  rng = np.random.default_rng(2)
  rows_BJ = rng.integers(0, 3, (80, 2))
  totals_RJ = resampling.resampled_totals(rows_BJ, key=1)
  drawn_RJ = rows_BJ[rng.integers(0, 80, (10_000, 80))].sum(1)
  assert totals_RJ.shape == (resampling.RESAMPLES, 2)
  np.testing.assert_allclose(totals_RJ.mean(0), drawn_RJ.mean(0), rtol=0.01)
  np.testing.assert_allclose(np.cov(totals_RJ.T), np.cov(drawn_RJ.T), atol=2.5)


def test_totals_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
  rows_BJ = np.random.default_rng(2).integers(0, 3, (80, 2)).astype(np.float16)
  totals_RJ = resampling.resampled_totals(rows_BJ, key=1)
  monkeypatch.setattr(resampling, "DRAWN_AT_ONCE", 9 * 700)  # 10,000 is no multiple of 700.
  np.testing.assert_array_equal(resampling.resampled_totals(rows_BJ, key=1), totals_RJ)


def test_languages_of_one_name_are_drawn_together():
  x_B, y_B = np.random.default_rng(2).integers(0, 3, (2, 50)) / 2
  items = {"a": x_B, "b": y_B, "c": 1 - x_B}
  draws = resampling.mean_draws(items, {"a": "files", "c": "files"})
  assert list(draws) == ["a", "b", "c"]
  np.testing.assert_allclose(draws["a"] + draws["c"], 1)
  assert abs(np.corrcoef(draws["b"], draws["a"])[0, 1]) < 0.05
  np.testing.assert_allclose(draws["b"].mean(), y_B.mean(), atol=0.005)


def test_f1_is_that_of_precision_and_recall():
  found, mined, gold = 3, 5, 4
  precision, recall = found / mined, found / gold
  expected = 2 * precision * recall / (precision + recall)
  sums_23 = np.array([[found, mined, gold], [0, 0, 0]])
  np.testing.assert_allclose(resampling.f1(sums_23), [expected, 0])


def test_a_mean_counts_each_language_once_with_or_without_intervals():
  results = {"a": {"x": {"value": 0.5, "low": 0, "high": 1}, "y": 1}, "b": {"x": 0.25, "y": 4}}
  assert resampling.mean_of(results, "x") == 0.375 and resampling.mean_of(results, "y") == 2.5
