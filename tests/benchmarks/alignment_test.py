"""benchmarks/alignment.py: its documents have the links that they say, and how they are scored."""

import sys

import numpy as np
import pytest

from tests.support import real
from tests.support.places import ROOT, SHARED

sys.path.append(str(ROOT / "benchmarks"))

import alignment as benchmark  # noqa: E402
import altered_documents  # noqa: E402

NEWS = SHARED / "data" / "ntrex_first_half"


@pytest.mark.parametrize("level", altered_documents.LEVELS)
def test_linked_sentences_say_the_same(level):
  words = [[f"{number}.{word}," for word in range(12)] for number in range(200)]
  source = [" ".join(line) for line in words]
  target = [line.replace(",", ";") for line in source]
  others = ["other"] * 20
  rng = np.random.default_rng(3)
  document = altered_documents.make(rng, (source, target), (others, others), ("deu", "eng"), level)
  (left, right), links = document
  shapes = {tuple(map(len, link)) for link in links}
  assert {(1, 1), (1, 0), (0, 1)} & shapes and max(map(max, shapes)) <= 4
  places = [sum((link[side] for link in links), ()) for side in range(2)]
  assert places == [tuple(range(len(left))), tuple(range(len(right)))]
  for i, j in links:
    one = " ".join(left[place] for place in i).replace(",", ";").split()
    other = " ".join(right[place] for place in j).split()
    if i and j:  # Only a part may be missing, on one side.
      assert set(one) <= set(other) or set(other) <= set(one)


def test_a_text_is_cut_at_punctuation_else_at_a_space():
  assert altered_documents.split("aaaa bb, cc dddd", 2) == ["aaaa bb,", "cc dddd"]
  assert altered_documents.split("aaaa bbb cccc ddd", 2) == ["aaaa bbb", "cccc ddd"]
  assert altered_documents.split("abcdef", 2) == ["abcdef"]
  assert altered_documents.split("a b, c d, e f", 3) == ["a b,", "c d,", "e f"]


def test_counts_of_documents_are_added_up():
  counts = [np.array([1, 2, 4, 1, 1, 2]), np.array([4, 4, 4, 4, 4, 4])]
  result = benchmark.scored(counts)
  assert result["documents"] == 2
  assert result["strict"]["value"] == pytest.approx(2 * (5 / 8) * (5 / 6) / (5 / 8 + 5 / 6))
  assert result["strict"]["low"] <= result["strict"]["value"] <= result["strict"]["high"] == 1


@pytest.mark.slow
def test_a_document_of_news_is_aligned(tmp_path):
  """120 lines of German and French, a quarter of them changed. Before, F1 was 0.941 and 0.982."""
  if not NEWS.is_dir():
    pytest.skip(f"no NTREX files in {NEWS}")
  encode = benchmark.KeptVectors(tmp_path, real.folder("me5-small"))
  documents = benchmark.documents("choosing", NEWS, [1])
  document = next(made for _, level, made in documents if level == "edited")
  scores = benchmark.scores_of(benchmark.aligned(document, encode, 6))
  assert scores["strict"]["f1"] > 0.97 and scores["lax"]["f1"] > 0.99
