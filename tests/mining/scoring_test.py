"""Pairs of two Texts, with toy vectors whose neighbours are known."""

import numpy as np
import pytest

from labse_jax.mining import calibration, scoring
from labse_jax.mining.pair_files import ScoredPair
from labse_jax.mining.texts import Text
from labse_jax.neighbours.exact import top_k_both

# The file of x is b, b, a, c; line 1 of x is a translation of line 5 of y, and so on.
X = Text(["b", "a", "c"], [1, 3, 4], np.array([0, 0, 1, 2]))
Y = Text(["C", "A", "B"], [2, 4, 5], np.array([2, 2, 1, 0]))
VECTORS = (
  np.array([[0, 1, 0], [1, 0, 0], [0, 0.6, 0.8]], np.float32),
  np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], np.float32),
)
# "absolute": the score of a pair is its cosine.
SCORE = scoring.MarginScore(k=2, margin="absolute", search=top_k_both)


def everything(row_x_P, row_y_P):
  return np.ones(len(row_x_P), bool)


def test_mined_pairs_come_best_first_with_the_lines_where_they_stand_first():
  pairs = scoring.mined(X, Y, VECTORS, SCORE, retrieval="max", threshold=None, allowed=everything)
  assert pairs[:2] == [ScoredPair(1, "b", "B", 1, 5), ScoredPair(1, "a", "A", 3, 4)]
  assert pairs[2][1:] == ("c", "C", 4, 2, None) and pairs[2].score == pytest.approx(0.8)


def test_a_pair_at_the_threshold_is_kept():
  lowest = float(np.float32(0.8))
  for threshold, count in ((lowest, 3), (np.nextafter(lowest, 1), 2)):
    pairs = scoring.mined(
      X, Y, VECTORS, SCORE, retrieval="max", threshold=threshold, allowed=everything
    )
    assert len(pairs) == count


def test_each_line_is_scored_with_the_line_of_its_number():
  pairs = scoring.scored(X, Y, VECTORS, SCORE)
  assert [pair[1:5] for pair in pairs] == [
    ("b", "B", 1, 1),
    ("b", "B", 2, 2),
    ("a", "A", 3, 3),
    ("c", "C", 4, 4),
  ]
  np.testing.assert_allclose([pair.score for pair in pairs], [1, 1, 1, 0.8], rtol=1e-6)


def test_calibrated_pairs_are_those_down_to_the_threshold(monkeypatch):
  """And near copies among the lines are told to calibration."""
  given = {}

  def calibrated(x_ND, y_MD, **options):
    given.update(options)
    rows_P = np.array([0, 1, 2])
    score_P = np.array([0.9, 0.8, 0.7])
    precision_P = np.array([1.0, 0.95, 0.5])
    return calibration.Calibration(rows_P, rows_P, score_P, None, None, precision_P, ())

  monkeypatch.setattr(calibration, "calibrated", calibrated)
  monkeypatch.setattr(calibration, "threshold", lambda found, precision: 1 - precision)
  x = X._replace(lines=["b", "B.", "c"])
  pairs, found, lowest = scoring.calibrated(
    x, Y, VECTORS, SCORE, precision=0.2, allowed=None, gold_2G=None
  )
  assert lowest == 0.8 and len(found.score_P) == 3
  assert pairs == [ScoredPair(0.9, "b", "C", 1, 2, 1.0), ScoredPair(0.8, "B.", "A", 3, 4, 0.95)]
  assert [side.tolist() for side in given["copied"]] == [[True, True, False], [False] * 3]
  assert given["k"] == 2 and given["margin"] == "absolute"
