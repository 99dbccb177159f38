"""Scored pairs of two texts: mined, calibrated, or line by line."""

from labse_jax.mining import calibration
from labse_jax.mining.pair_files import ScoredPair
from labse_jax.mining.texts import copied
from labse_jax.neighbours import margin as margins


def mined(x, y, vectors, *, k, margin, retrieval, threshold, search, allowed):
  """The ScoredPairs of two Texts and their unit vectors, best first, from `threshold` on.

  A threshold of None keeps all of them. The other options are those of `margin.candidates`.
  """
  columns = margins.candidates(
    *vectors, k=k, margin=margin, retrieval=retrieval, search=search, allowed=allowed
  )
  pairs = []
  for row_x, row_y, score in _rows(columns):
    if threshold is None or score >= threshold:
      pairs.append(_pair(score, x, row_x, y, row_y))
  return pairs


def calibrated(x, y, vectors, *, k, margin, precision, search, allowed, gold_2G):
  """What `mined` gives down to the threshold for `precision`; each pair has its own precision.

  Returns (ScoredPairs, the Calibration, the threshold).
  """
  found = calibration.calibrated(
    *vectors,
    k=k,
    margin=margin,
    search=search,
    allowed=allowed,
    gold_2G=gold_2G,
    copied=(copied(x.lines), copied(y.lines)),
  )
  lowest = calibration.threshold(found, precision)
  columns = (found.row_x_P, found.row_y_P, found.score_P, found.precision_P)
  pairs = []
  for row_x, row_y, score, share_right in _rows(columns):
    if score >= lowest:
      pairs.append(_pair(score, x, row_x, y, row_y, share_right))
  return pairs, found, lowest


def scored(x, y, vectors, *, k, margin, search):
  """The ScoredPairs of line N of one Text and line N of the other, in the order of the lines."""
  score_N = margins.aligned_scores(*vectors, x.row_N, y.row_N, k=k, margin=margin, search=search)
  pairs = []
  for number, (row_x, row_y, score) in enumerate(_rows((x.row_N, y.row_N, score_N)), 1):
    # Not the numbers of a Text: there, equal lines have the number of the first of them.
    pairs.append(ScoredPair(score, x.lines[row_x], y.lines[row_y], number, number))
  return pairs


def _rows(columns):
  """The rows of columns of equal length, as Python numbers."""
  return zip(*(column_P.tolist() for column_P in columns), strict=True)


def _pair(score, x, row_x, y, row_y, precision=None):
  return ScoredPair(
    score, x.lines[row_x], y.lines[row_y], x.numbers[row_x], y.numbers[row_y], precision
  )
