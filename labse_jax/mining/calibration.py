"""The precision of mined pairs, and the threshold for one that is asked for, from decoys.

A decoy is one side of a pair that is surely right, mined as if the other side were not in the pool:
whatever it finds is wrong. Sentences without a translation find something of a given score as often
as decoys do. The idea comes from target-decoy search in proteomics (Elias and Gygi 2007, Nature
Methods 4:207). A pair's precision is that of all pairs that are at least as good, like a q-value,
which says the same of false discoveries (Storey 2003, Annals of Statistics 31:2013).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import betainc

from labse_jax.base.errors import InputError
from labse_jax.mining.decoys import Margin, Neighbours, decoy_scores
from labse_jax.neighbours.exact import top_k_both
from labse_jax.neighbours.lists import Nearest
from labse_jax.neighbours.margin import (
  MARGINS,
  Allowed,
  Pairs,
  Search,
  neighbour_scores,
  retrieved,
  turned,
)

FEWEST = 50  # Decoys; fewer say too little.
FEWEST_PAIRED = 10  # Decoys of a side that found something.
TAIL = 0.1  # The best decoys, as a share of all, from which the tail is extrapolated.
TAIL_FEWEST = 20
RISK = 0.02  # The chance that pairs are less precise than was asked for.


class NoEstimate(InputError):
  """The precision of mined pairs cannot be told from decoys; the message says why.

  `found` are the pairs all the same, as `margin.candidates` gives them.
  """

  def __init__(self, message: str, found: Pairs) -> None:
    super().__init__(message)
    self.found = found


class Calibration(NamedTuple):
  """Mined pairs, best first, and what decoys say of them.

  `wrong_P[i]`: expected wrong pairs among the best i + 1. Its uncertainty is a gamma distribution
  with the shape `shape_P[i]`; a larger shape is surer. `precision_P[i]`: the estimated share of
  right pairs among the best i + 1, or among more where that is higher; it never rises. `decoys`:
  for each side, the scores of what its decoys found, -inf for nothing.
  """

  row_x_P: np.ndarray
  row_y_P: np.ndarray
  score_P: np.ndarray
  wrong_P: np.ndarray
  shape_P: np.ndarray
  precision_P: np.ndarray
  decoys: tuple[np.ndarray, np.ndarray]


def calibrated(
  x_ND: np.ndarray,
  y_MD: np.ndarray,
  *,
  k: int,
  margin: str = "ratio",
  search: Search = top_k_both,
  allowed: Allowed | None = None,
  gold_2G: np.ndarray | None = None,
  copied: tuple[np.ndarray, np.ndarray] | None = None,
) -> Calibration:
  """Mines pairs as `margin.candidates` does with retrieval "max"; returns their Calibration.

  Decoys come from the true pairs `gold_2G`, (rows of x, rows of y), if given, or else from the best
  mined pairs. `copied`, (bool of x, bool of y), marks rows that have a near copy on their side.
  They make no decoys: one that is kept away from one copy would rightly find the other. Raises
  NoEstimate where there are too few decoys, or where these find too little.
  """
  near_x, near_y = search(x_ND, y_MD, k + 1)  # One more: a decoy loses its partner.
  scored = neighbour_scores(_nearest(near_x, k), _nearest(near_y, k), margin)
  found = retrieved(*scored, "max", allowed)
  near = (_neighbours(*near_x, allowed), _neighbours(*near_y, turned(allowed)))
  if gold_2G is not None:
    true_2G = _uncopied(np.asarray(gold_2G), copied)
    return _calibration(near, found, true_2G, MARGINS[margin])
  found_2P = np.stack(found[:2])
  sure_P = found[2] >= two_means(found[2])
  # Better decoys tell better which pairs are sure, and so make better decoys.
  for lowest in (0.5, 0.9):
    sure_2G = _uncopied(found_2P[:, sure_P], copied)
    sure_P = _calibration(near, found, sure_2G, MARGINS[margin]).precision_P >= lowest
  return _calibration(near, found, _uncopied(found_2P[:, sure_P], copied), MARGINS[margin])


def _nearest(near: Nearest, k: int) -> Nearest:
  """The first k of each row's (cosines, neighbours)."""
  cosine_NK, neighbour_NK = near
  return cosine_NK[:, :k], neighbour_NK[:, :k]


def _neighbours(
  cosine_NK: np.ndarray, neighbour_NK: np.ndarray, allowed: Allowed | None
) -> Neighbours:
  """Makes Neighbours, asking `allowed` about every pair of a row and a neighbour."""
  row_P = np.repeat(np.arange(len(neighbour_NK)), neighbour_NK.shape[1])
  allowed_P = np.ones(len(row_P), bool)
  if allowed:
    allowed_P = allowed(row_P, neighbour_NK.ravel())
  return Neighbours(cosine_NK, neighbour_NK, allowed_P.reshape(neighbour_NK.shape))


def _uncopied(pairs_2G: np.ndarray, copied: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
  """The pairs in which neither side has a near copy."""
  if copied is None:
    return pairs_2G
  copied_x, copied_y = copied
  row_x_G, row_y_G = pairs_2G
  return pairs_2G[:, ~(copied_x[row_x_G] | copied_y[row_y_G])]


def _calibration(
  near: tuple[Neighbours, Neighbours], found: Pairs, true_2G: np.ndarray, margin: Margin
) -> Calibration:
  """The Calibration of found pairs, (row_x_P, row_y_P, score_P), with decoys of true ones."""
  near_x, near_y = near
  row_x_P, row_y_P, score_P = found
  if true_2G.shape[1] < FEWEST:
    raise NoEstimate(_too_few(true_2G.shape[1]), found)
  decoys = (
    decoy_scores(near_x, near_y, true_2G, found, margin),
    decoy_scores(near_y, near_x, true_2G[::-1], (row_y_P, row_x_P, score_P), margin),
  )
  wrong = []
  shapes = []
  for decoys_G, side in zip(decoys, near, strict=True):
    # A side whose decoys found next to nothing says nothing.
    if np.isfinite(decoys_G).sum() >= FEWEST_PAIRED:
      wrong_P, shape_P = expected_wrong(score_P, decoys_G, len(side.neighbour_NK))
      wrong.append(wrong_P)
      shapes.append(shape_P)
  if not wrong:
    raise NoEstimate(_nothing_found(decoys), found)
  # Both sides judge the same pairs; the worse verdict holds.
  wrong_SP = np.stack(wrong)
  worse_1P = wrong_SP.argmax(0)[None]
  wrong_P = np.take_along_axis(wrong_SP, worse_1P, 0)[0]
  shape_P = np.take_along_axis(np.stack(shapes), worse_1P, 0)[0]
  share_P = 1 - wrong_P / np.arange(1, len(score_P) + 1)
  precision_P = np.maximum.accumulate(share_P[::-1])[::-1]
  return Calibration(*found, wrong_P, shape_P, precision_P, decoys)


def _too_few(sure: int) -> str:
  return (
    f"only {sure:,} pairs are sure to be right (lines with a near copy do not count), and"
    f" {FEWEST} are needed. If you know true pairs, give them with --gold"
  )


def _nothing_found(decoys: tuple[np.ndarray, np.ndarray]) -> str:
  """Where nearly every line has a translation, what is left for a decoy is already taken."""
  most = max(int(np.isfinite(decoys_G).sum()) for decoys_G in decoys)
  return (
    f"{len(decoys[0]):,} sure pairs were looked up again without their translation, to see what a"
    f" wrong pair scores, and only {most:,} found a line that no better pair has; {FEWEST_PAIRED}"
    " are needed. Nearly every line has a translation here"
  )


def two_means(score_P: np.ndarray) -> float:
  """The score that parts descending scores into two groups of the least variance (Otsu 1979)."""
  if len(score_P) < 2:
    return np.inf
  total_P = np.cumsum(score_P, dtype=np.float64)
  count_P = np.arange(1, len(score_P) + 1)
  above_P = count_P[:-1]
  below_P = count_P[-1] - count_P[:-1]
  apart_P = total_P[:-1] / above_P - (total_P[-1] - total_P[:-1]) / below_P
  return float(score_P[(above_P * below_P * apart_P**2).argmax()])


def expected_wrong(
  score_P: np.ndarray, decoys_G: np.ndarray, sentences: int
) -> tuple[np.ndarray, np.ndarray]:
  """Estimates from decoys how many pairs down to each are wrong: (mean_P, shape_P).

  A decoy finds a score at least as good at a rate r, and so does each of the `sentences` that is
  not in a right pair. If U sentences are in no pair down to there, the number in wrong pairs is
  negative binomial, with the mean (U + 1) r / (1 - r).
  """
  rate_P, rate_shape_P = exceedance(score_P, decoys_G)
  pairs_P = np.arange(1, len(score_P) + 1)
  left_P = sentences - pairs_P + 1
  # Relative variances add; that of r / (1 - r) is that of r over (1 - r).
  shape_P = 1 / (1 / left_P + 1 / (rate_shape_P * (1 - rate_P)))
  return np.minimum(left_P * rate_P / (1 - rate_P), pairs_P), shape_P


def exceedance(score_P: np.ndarray, decoys_G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """The share of decoys whose score is at least each of `score_P`: (rate_P, shape_P).

  Scores within the worse nine tenths of the decoys are counted. Above, the tail is assumed to be
  exponential (peaks over threshold), since the rates that matter are lower than 1 / decoys. The
  rate is uncertain, by the count and by the tail's scale; a gamma distribution of that variance has
  the shape.
  """
  ordered_G = np.sort(decoys_G)[::-1]
  tail = min(max(TAIL_FEWEST, int(TAIL * len(ordered_G))), int(np.isfinite(ordered_G).sum()) - 1)
  border = ordered_G[tail]
  scale = max(np.mean(ordered_G[:tail] - border), 1e-9)
  distance_P = np.maximum(score_P - border, 0) / scale
  count_P = np.searchsorted(-ordered_G, -score_P, side="right")
  expected_P = np.where(score_P > border, tail * np.exp(-distance_P), count_P)
  rate_P = expected_P / (len(ordered_G) + 1)
  return rate_P, np.maximum(count_P, tail) / (1 + distance_P**2)


def threshold(calibration: Calibration, precision: float) -> float:
  """The lowest score down to which pairs are as precise as asked, with a chance of 1 - RISK.

  Raises NoEstimate where there is none.
  """
  pairs_P = np.arange(1, len(calibration.score_P) + 1)
  allowed_P = np.floor((1 - precision) * pairs_P + 1e-9)
  shape_P = calibration.shape_P
  wrong_P = np.maximum(calibration.wrong_P, 1e-12)
  # A Poisson number whose mean is gamma distributed is negative binomial.
  chance_P = betainc(shape_P, allowed_P + 1, shape_P / (shape_P + wrong_P))
  enough = np.flatnonzero(chance_P >= 1 - RISK)
  if not len(enough):
    raise NoEstimate(
      f"no threshold is sure to reach {precision:g}: too few pairs are that good. Ask for less",
      (calibration.row_x_P, calibration.row_y_P, calibration.score_P),
    )
  return float(calibration.score_P[enough[-1]])
