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


@pytest.fixture
def calibrating(monkeypatch):
  """Three pairs are found, of which a precision of 0.2 keeps two; returns what was asked for."""
  given = {}

  def calibrated(x_ND, y_MD, **options):
    given.update(options)
    rows_P = np.array([0, 1, 2])
    score_P = np.array([0.9, 0.8, 0.7])
    precision_P = np.array([1.0, 0.95, 0.5])
    return calibration.Calibration(rows_P, rows_P, score_P, None, None, precision_P, ())

  monkeypatch.setattr(calibration, "calibrated", calibrated)
  monkeypatch.setattr(calibration, "threshold", lambda found, precision: 1 - precision)
  return given


def calibrated(x=X):
  return scoring.calibrated(x, Y, VECTORS, SCORE, precision=0.2, allowed=None, gold_2G=None)


def test_calibrated_pairs_are_those_down_to_the_threshold(calibrating):
  """And near copies among the lines are told to calibration."""
  found = calibrated(X._replace(lines=["b", "B.", "c"]))
  assert found.lowest == 0.8 and len(found.found.score_P) == 3 and found.reason is None
  first = ScoredPair(0.9, "b", "C", 1, 2, 1.0)
  assert found.pairs == [first, ScoredPair(0.8, "B.", "A", 3, 4, 0.95)]
  assert [side.tolist() for side in calibrating["copied"]] == [[True, True, False], [False] * 3]
  assert calibrating["k"] == 2 and calibrating["margin"] == "absolute"


def test_without_a_threshold_all_pairs_have_their_precision(calibrating, monkeypatch):
  def threshold(found, precision):
    raise calibration.NoEstimate("none is sure", found[:3])

  monkeypatch.setattr(calibration, "threshold", threshold)
  found = calibrated()
  assert found.reason == "none is sure" and found.lowest == -np.inf
  assert [pair.precision for pair in found.pairs] == [1.0, 0.95, 0.5] and found.found


def test_without_an_estimate_all_pairs_come_without_precision(monkeypatch):
  def calibrated_(*sides, **options):
    raise calibration.NoEstimate("nothing to go by", (np.array([2]), np.array([0]), np.ones(1)))

  monkeypatch.setattr(calibration, "calibrated", calibrated_)
  found = calibrated()
  assert found == ([ScoredPair(1, "c", "C", 4, 2)], None, -np.inf, "nothing to go by")
