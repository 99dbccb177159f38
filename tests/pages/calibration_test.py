"""The page says what was chosen, and its charts are drawn of the right numbers."""

import re

import numpy as np
import pytest

from labse_jax.mining.calibration import Calibration
from labse_jax.pages import calibration as calibration_page
from tests.support.html_document import Document


@pytest.fixture
def found():
  score_P = np.linspace(1.3, 0.9, 1000)
  precision_P = np.linspace(1, 0.4, 1000)
  decoys = np.r_[np.full(30, -np.inf), np.linspace(0.9, 1.05, 70)], np.linspace(0.9, 1.0, 100)
  return Calibration(None, None, score_P, None, None, precision_P, decoys)


def test_the_page_holds_its_figures(found):
  html = calibration_page.page_of(found, found.score_P[99], 0.9, "a & b")
  assert "<h1>a &amp; b</h1>" in html and html.count("<img") == html.count("<source") == 2
  tiles = re.findall(r"<b>(.*?)</b><span>(.*?)</span>", html)
  assert tiles == [
    ("100", "pairs written"),
    (f"{found.score_P[99]:.4f}", "threshold"),
    (f"{found.precision_P[99]:.4f}", "estimated precision"),
    ("0.9", "precision asked for"),
    ("200", "decoys"),
  ]


def test_a_title_is_escaped(found):
  html = calibration_page.page_of(found, found.score_P[99], 0.9, "<script>alert(1)</script>")
  document = Document(html)
  assert not document.open and "script" not in dict(document.tags)
  assert document.texts.count("<script>alert(1)</script>") == 1


def test_without_a_threshold_all_pairs_are_shown(found):
  html = calibration_page.page_of(found, -np.inf, 0.99, "a")
  assert "<b>none</b><span>threshold</span>" in html
  assert "<b>1,000</b><span>pairs written</span>" in html


def test_rows_are_the_lowest_scores_with_a_precision(found):
  rows = calibration_page.rows(found)
  assert [row[0] for row in rows] == ["0.99", "0.98", "0.95", "0.90", "0.80", "0.50"]
  for precision, score, pairs in rows:
    count = int(pairs.replace(",", ""))
    assert found.precision_P[count - 1] >= float(precision) > found.precision_P[count]
    assert score == f"{found.score_P[count - 1]:.4f}"


def test_charts_follow_their_numbers(found):
  one = calibration_page.precision_chart(found, 100, 0.9)
  assert one.startswith(b"\x89PNG") and one != calibration_page.precision_chart(found, 300, 0.9)
  scores = calibration_page.score_chart(found, 1.1)
  assert scores.startswith(b"\x89PNG") and scores != calibration_page.score_chart(found, 1.2)
