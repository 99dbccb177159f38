"""Scored pairs of two texts: mined, calibrated, or line by line."""

from collections.abc import Callable
import dataclasses

from labse_jax.mining import calibration
from labse_jax.mining.pair_files import ScoredPair
from labse_jax.mining.texts import copied
from labse_jax.neighbours import margin as margins


@dataclasses.dataclass
class MarginScore:
  """How a pair is scored: its cosine is compared, as `margin` says, with those of neighbours.

  `search(x_ND, y_MD, k)` finds the `k` nearest neighbours of each line, as `exact.top_k_both` does.
  """

  k: int
  margin: str
  search: Callable


def mined(x, y, vectors, score, *, retrieval, threshold, allowed):
  """The ScoredPairs of two Texts, with their unit vectors and a MarginScore, best first.

  Pairs below `threshold` are left out; None keeps all. `retrieval` and `allowed` are those of
  `margin.candidates`.
  """
  columns = margins.candidates(
    *vectors,
    k=score.k,
    margin=score.margin,
    search=score.search,
    retrieval=retrieval,
    allowed=allowed,
  )
  return pairs_of(x, y, columns, threshold=threshold)


def pairs_of(x, y, columns, *, threshold=None):
  """The ScoredPairs of columns (row_x_P, row_y_P, score_P), without those below the threshold."""
  pairs = []
  for row_x, row_y, pair_score in _rows(columns):
    if threshold is None or pair_score >= threshold:
      pairs.append(_pair(pair_score, x, row_x, y, row_y))
  return pairs


def calibrated(x, y, vectors, score, *, precision, allowed, gold_2G):
  """Mines pairs down to the threshold for `precision`; each pair has its own precision.

  `gold_2G` are rows of true pairs or None. Returns (ScoredPairs, the Calibration, the threshold).
  Raises calibration.Uncalibrated where no precision can be estimated.
  """
  found = calibration.calibrated(
    *vectors,
    k=score.k,
    margin=score.margin,
    search=score.search,
    allowed=allowed,
    gold_2G=gold_2G,
    copied=(copied(x.lines), copied(y.lines)),
  )
  lowest = calibration.threshold(found, precision)
  columns = (found.row_x_P, found.row_y_P, found.score_P, found.precision_P)
  pairs = []
  for row_x, row_y, pair_score, share_right in _rows(columns):
    if pair_score >= lowest:
      pairs.append(_pair(pair_score, x, row_x, y, row_y, share_right))
  return pairs, found, lowest


def scored(x, y, vectors, score):
  """The ScoredPairs of line N of one Text and line N of the other, in the order of the lines."""
  score_N = margins.aligned_scores(
    *vectors, x.row_N, y.row_N, k=score.k, margin=score.margin, search=score.search
  )
  pairs = []
  for number, (row_x, row_y, pair_score) in enumerate(_rows((x.row_N, y.row_N, score_N)), 1):
    # Not the numbers of a Text: there, equal lines have the number of the first of them.
    pairs.append(ScoredPair(pair_score, x.lines[row_x], y.lines[row_y], number, number))
  return pairs


def _rows(columns):
  """The rows of columns of equal length, as Python numbers."""
  return zip(*(column_P.tolist() for column_P in columns), strict=True)


def _pair(score, x, row_x, y, row_y, precision=None):
  return ScoredPair(
    score, x.lines[row_x], y.lines[row_y], x.numbers[row_x], y.numbers[row_y], precision
  )
