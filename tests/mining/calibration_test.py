"""Calibration against simulations whose truth is known."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.mining import calibration
from labse_jax.mining.calibration import (
  NoEstimate,
  calibrated,
  exceedance,
  expected_wrong,
  threshold,
  two_means,
)


# Sizes from 257 to 512 are one compilation of the search.
def pool(true, alone_x, alone_y, *, seed=0, noise=0.25):
  """Unit vectors in some order, and the meaning of each row: equal ones are translations."""
  rng = np.random.default_rng(seed)
  meaning = rng.normal(size=(true + alone_x + alone_y, 24)) + 0.6
  ids_x = rng.permutation(true + alone_x)
  ids_y = rng.permutation(np.r_[:true, true + alone_x : len(meaning)])
  sides = [meaning[ids] + noise * rng.normal(size=(len(ids), 24)) for ids in (ids_x, ids_y)]
  unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
  return *(side.astype(np.float32) for side in unit), ids_x, ids_y


def share_right(found, ids_x, ids_y, lowest):
  right_P = ids_x[found.row_x_P] == ids_y[found.row_y_P]
  return right_P[found.score_P >= lowest].mean()


def test_the_rate_is_counted_and_its_tail_exponential():
  decoys_G = np.random.default_rng(0).exponential(size=20_000)
  decoys_G[:5_000] = -np.inf  # Found nothing.
  score_P = np.array([9.0, 7.0, 5.0, 2.0, 1.0, 0.5])
  rate_P, shape_P = exceedance(score_P, decoys_G)
  np.testing.assert_allclose(rate_P, 0.75 * np.exp(-score_P), rtol=0.25)
  count = (decoys_G >= 0.5).sum()
  assert rate_P[-1] == count / 20_001 and shape_P[-1] == count
  assert (np.diff(rate_P) > 0).all() and (np.diff(shape_P) > 0).all()


def test_the_rate_is_as_sure_as_its_shape_says():
  """The variance of the estimate over samples is rate^2 / shape."""
  rng, score_P = np.random.default_rng(0), np.array([6.0, 4.0, 2.0])
  rates, shapes = zip(
    *(exceedance(score_P, rng.exponential(size=400)) for _ in range(500)), strict=True
  )
  variance_P = np.var(np.log(rates), axis=0)
  np.testing.assert_allclose(1 / np.mean(shapes, axis=0), variance_P, rtol=0.4)


def test_wrong_pairs_are_as_many_as_decoys_tell():
  """800 of 1,000 sentences have no translation; each finds something with an exponential score."""
  rng = np.random.default_rng(0)
  wrong_G, decoys_G = rng.exponential(size=800), rng.exponential(size=5000)
  score_P = np.sort(np.concatenate([wrong_G, 6 + rng.normal(size=200)]))[::-1]
  mean_P, shape_P = expected_wrong(score_P, decoys_G, 1000)
  for pairs in (300, 500, 900):
    wrong = (wrong_G >= score_P[pairs - 1]).sum()
    assert abs(mean_P[pairs - 1] - wrong) < 4 * np.sqrt(wrong + wrong**2 / shape_P[pairs - 1])
  assert mean_P[-1] == 1000 and shape_P[-1] <= 1  # All are paired: nothing is known.


def test_a_threshold_keeps_its_promise():
  """Over 300 pools that differ, all but a few are as precise as was asked for."""
  rng, held, recalls = np.random.default_rng(0), [], []
  for _ in range(300):
    true, alone = rng.integers(200, 800, 2)
    wrong_W, right_R = rng.exponential(size=alone), rng.normal(8, 1, size=true)
    order_P = np.argsort(-np.concatenate([right_R, wrong_W]))
    score_P = np.concatenate([right_R, wrong_W])[order_P]
    mean_P, shape_P = expected_wrong(score_P, rng.exponential(size=true), true + alone)
    found = calibration.Calibration(None, None, score_P, mean_P, shape_P, None, None)
    try:
      taken_P = (order_P < true)[score_P >= threshold(found, 0.95)]
    except InputError:  # Decoys that by chance were few, or good.
      continue
    held.append(taken_P.mean() >= 0.95)
    recalls.append(taken_P.sum() / true)
  assert 0.96 <= np.mean(held) < 1 and sum(recalls) > 0.8 * 300


@pytest.mark.parametrize("precision", [0.9, 0.95])
@pytest.mark.parametrize("margin", ["ratio", "distance"])
@pytest.mark.parametrize("counts", [(300, 200, 180), (150, 340, 120)])
def test_vectors_are_mined_as_precisely_as_asked(precision, margin, counts):
  x_ND, y_MD, ids_x, ids_y = pool(*counts, noise=0.5)
  found = calibrated(x_ND, y_MD, k=4, margin=margin)
  assert share_right(found, ids_x, ids_y, -9) < precision - 0.1
  lowest = threshold(found, precision)
  assert share_right(found, ids_x, ids_y, lowest) >= precision
  right = (ids_x[found.row_x_P] == ids_y[found.row_y_P])[found.score_P >= lowest].sum()
  assert right > 0.4 * counts[0]


def test_precision_never_rises_and_follows_the_truth():
  x_ND, y_MD, ids_x, ids_y = pool(250, 250, 250, noise=0.5)
  found = calibrated(x_ND, y_MD, k=4)
  assert (np.diff(found.precision_P) <= 0).all() and (np.diff(found.score_P) <= 0).all()
  right_P = ids_x[found.row_x_P] == ids_y[found.row_y_P]
  share_P = np.cumsum(right_P) / np.arange(1, len(right_P) + 1)
  assert np.abs(found.precision_P - share_P)[60:350].max() < 0.08


def test_the_order_of_lines_changes_nothing():
  x_ND, y_MD, ids_x, _ = pool(200, 100, 150, noise=0.5)
  order = np.random.default_rng(1).permutation(len(ids_x))
  same = [calibrated(x, y_MD, k=4).precision_P for x in (x_ND, x_ND[order])]
  np.testing.assert_allclose(*same, atol=1e-6)


def test_gold_pairs_make_the_decoys():
  x_ND, y_MD, ids_x, ids_y = pool(300, 200, 200, noise=0.5)
  places = [{int(one): row for row, one in enumerate(ids)} for ids in (ids_x, ids_y)]
  gold_2G = np.array([[side[one] for one in range(80)] for side in places])
  found = calibrated(x_ND, y_MD, k=4, gold_2G=gold_2G)
  assert [len(decoys) for decoys in found.decoys] == [80, 80]
  assert share_right(found, ids_x, ids_y, threshold(found, 0.9)) >= 0.9


def test_pairs_that_are_not_allowed_are_not_found_by_decoys_either():
  x_ND, y_MD, ids_x, ids_y = pool(200, 100, 150, noise=0.5)

  def right_only(n, m):
    return ids_x[n] == ids_y[m]

  gold_2G = [[np.flatnonzero(ids == one)[0] for one in range(200)] for ids in (ids_x, ids_y)]
  with pytest.raises(NoEstimate, match="200 sure pairs .* only 0 found a line .* 10 are needed"):
    calibrated(x_ND, y_MD, k=4, allowed=right_only, gold_2G=gold_2G)


def test_where_all_lines_have_a_translation_no_wrong_pair_is_found():
  """The real reason is said, and the pairs come with it."""
  x_ND, y_MD, ids_x, ids_y = pool(300, 0, 0, noise=0.2)
  with pytest.raises(NoEstimate, match="Nearly every line has a translation") as error:
    calibrated(x_ND, y_MD, k=4)
  assert "50" not in str(error.value)
  row_x_P, row_y_P, score_P = error.value.found
  assert (ids_x[row_x_P] == ids_y[row_y_P]).mean() > 0.95 and len(row_x_P) == 300
  assert (np.diff(score_P) <= 0).all()


def test_too_few_sure_pairs_are_said():
  x_ND, y_MD, *_ = pool(30, 250, 250)
  with pytest.raises(NoEstimate, match="only [0-9]+ pairs are sure .*, and 50 are needed") as error:
    calibrated(x_ND, y_MD, k=4)
  assert len(error.value.found[0]) > 30


def test_no_sure_pair_at_all_is_said():
  x_ND, y_MD, *_ = pool(30, 250, 250)
  for options in ({"gold_2G": np.zeros((2, 0), int)}, {"allowed": lambda n, m: n < 0}):
    with pytest.raises(NoEstimate, match="^only 0 pairs are sure to be right"):
      calibrated(x_ND, y_MD, k=4, **options)


@pytest.mark.parametrize("gold", [False, True])
def test_near_copies_in_the_pool_are_not_wrong_pairs(gold):
  """A twentieth of the lines of y are there a second time; what decoys find of those is right."""
  x_ND, y_MD, ids_x, ids_y = pool(300, 180, 160, noise=0.3)
  twice = np.flatnonzero(ids_y < 23)
  y_MD, ids_y = np.concatenate([y_MD, y_MD[twice]]), np.r_[ids_y, ids_y[twice]]
  copied = np.zeros(len(ids_x), bool), np.isin(np.arange(len(ids_y)), [*twice, *range(460, 483)])
  places = [{int(one): row for row, one in enumerate(ids)} for ids in (ids_x, ids_y)]
  gold_2G = np.array([[side[one] for one in range(300)] for side in places]) if gold else None
  with pytest.raises(InputError, match="no threshold is sure to reach 0.97"):
    threshold(calibrated(x_ND, y_MD, k=4, gold_2G=gold_2G), 0.97)
  found = calibrated(x_ND, y_MD, k=4, gold_2G=gold_2G, copied=copied)
  lowest = threshold(found, 0.97)
  assert share_right(found, ids_x, ids_y, lowest) >= 0.97
  assert (found.score_P >= lowest).sum() > 200
  assert not gold or [len(decoys) for decoys in found.decoys] == [277, 277]


def test_a_precision_out_of_reach_is_said():
  column_P = np.array([1.3, 1.2, 1.1])
  found = calibration.Calibration(None, None, column_P, np.ones(3), np.ones(3), None, None)
  with pytest.raises(NoEstimate, match="no threshold is sure to reach 0.9: too few") as error:
    threshold(found, 0.9)
  assert error.value.found[2] is column_P


def test_two_means_part_where_the_variance_is_least():
  score_P = np.sort(np.random.default_rng(0).normal(size=60))[::-1]
  score_P[:15] += 3

  def spread(cut):
    return np.var(score_P[:cut]) * cut + np.var(score_P[cut:]) * (60 - cut)

  best = min(range(1, 60), key=spread)
  assert two_means(score_P) == score_P[best - 1] and np.isinf(two_means(score_P[:1]))
