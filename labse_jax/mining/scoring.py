"""Scored pairs of two texts: mined, calibrated, or line by line."""

from collections.abc import Iterator, Sequence
import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

from labse_jax.mining import calibration
from labse_jax.mining.pair_files import ScoredPair
from labse_jax.mining.texts import Text, copied
from labse_jax.neighbours import margin as margins


@dataclasses.dataclass
class MarginScore:
  """How a pair is scored: its cosine is compared, as `margin` says, with those of neighbours.

  `search` finds the `k` nearest neighbours of each line.
  """

  k: int
  margin: str
  search: margins.Search


def mined(
  x: Text,
  y: Text,
  vectors: tuple[np.ndarray, np.ndarray],
  score: MarginScore,
  *,
  retrieval: str,
  threshold: float | None,
  allowed: margins.Allowed | None,
) -> list[ScoredPair]:
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
  return _pairs(x, y, columns, threshold=threshold)


def _pairs(
  x: Text, y: Text, columns: margins.Pairs, *, threshold: float | None = None
) -> list[ScoredPair]:
  """The ScoredPairs of columns (row_x_P, row_y_P, score_P), without those below the threshold."""
  pairs = []
  for row_x, row_y, pair_score in _rows(columns):
    if threshold is None or pair_score >= threshold:
      pairs.append(_pair(pair_score, x, row_x, y, row_y))
  return pairs


class Calibrated(NamedTuple):
  """Pairs that were mined for a precision.

  `reason` is None, or words for why there is no threshold: then all pairs are here. They have no
  precision, and `found` is None, where it could not even be estimated. Else `found` is the
  Calibration and `lowest` the threshold, -inf for none.
  """

  pairs: list[ScoredPair]
  found: calibration.Calibration | None = None
  lowest: float = -math.inf
  reason: str | None = None


def calibrated(
  x: Text,
  y: Text,
  vectors: tuple[np.ndarray, np.ndarray],
  score: MarginScore,
  *,
  precision: float,
  allowed: margins.Allowed | None,
  gold_2G: np.ndarray | None,
) -> Calibrated:
  """Mines pairs down to the threshold for `precision`.

  `gold_2G` are the rows of true pairs, if some are known.
  """
  try:
    found = calibration.calibrated(
      *vectors,
      k=score.k,
      margin=score.margin,
      search=score.search,
      allowed=allowed,
      gold_2G=gold_2G,
      copied=(copied(x.lines), copied(y.lines)),
    )
  except calibration.NoEstimate as error:
    return Calibrated(_pairs(x, y, error.found), reason=str(error))
  reason = None
  try:
    lowest = calibration.threshold(found, precision)
  except calibration.NoEstimate as error:
    lowest = -math.inf
    reason = str(error)
  columns = (found.row_x_P, found.row_y_P, found.score_P, found.precision_P)
  pairs = []
  for row_x, row_y, pair_score, share_right in _rows(columns):
    if pair_score >= lowest:
      pairs.append(_pair(pair_score, x, row_x, y, row_y, share_right))
  return Calibrated(pairs, found, lowest, reason)


def scored(
  x: Text, y: Text, vectors: tuple[np.ndarray, np.ndarray], score: MarginScore
) -> list[ScoredPair]:
  """The ScoredPairs of line N of one Text and line N of the other, in the order of the lines."""
  score_N = margins.aligned_scores(
    *vectors, x.row_N, y.row_N, k=score.k, margin=score.margin, search=score.search
  )
  pairs = []
  for number, (row_x, row_y, pair_score) in enumerate(_rows((x.row_N, y.row_N, score_N)), 1):
    # Not the numbers of a Text: there, equal lines have the number of the first of them.
    pairs.append(ScoredPair(pair_score, x.lines[row_x], y.lines[row_y], number, number))
  return pairs


def _rows(columns: Sequence[np.ndarray]) -> Iterator[tuple[Any, ...]]:
  """The rows of columns of equal length, as Python numbers."""
  return zip(*(column_P.tolist() for column_P in columns), strict=True)


def _pair(
  score: float, x: Text, row_x: int, y: Text, row_y: int, precision: float | None = None
) -> ScoredPair:
  return ScoredPair(
    score, x.lines[row_x], y.lines[row_y], x.numbers[row_x], y.numbers[row_y], precision
  )
