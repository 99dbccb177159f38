"""BUCC as retrieval among its gold pairs."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluators import bucc_retrieval
from tests.support.bucc_texts import look_up, noisy
from tests.support.suites import write_bucc


def test_finds_the_other_sides_of_gold_pairs_alone(tmp_path):
  x_texts, y_texts, ids, table = noisy(90, seed=2)
  # Nearer than every translation, but in no gold pair.
  y_texts.append("hub")
  table["hub"] = sum(table[text] for text in x_texts)
  write_bucc(tmp_path, ids, de=x_texts, en=y_texts)
  encode = look_up(table)
  evaluator = bucc_retrieval.Evaluator(data=tmp_path)
  result = evaluator.run(encode).report
  gold = [(x_texts[int(x[1:]) - 1], y_texts[int(y[1:]) - 1]) for x, y in ids]
  assert sorted(evaluator.texts()) == sorted(text for pair in gold for text in pair)
  accuracy = []
  for side in (0, 1):

    def near(pair, side=side):
      return max(
        gold, key=lambda other: float(encode([pair[side]])[0] @ encode([other[1 - side]])[0])
      )

    accuracy.append(sum(near(pair) == pair for pair in gold) / len(gold))
  row = result["results"]["de"]
  assert [row["forward"], row["backward"], row["pairs"]] == [*accuracy, 30]
  assert 0.3 < accuracy[0] < 1 and accuracy[0] != accuracy[1]
  assert row["accuracy"]["value"] == pytest.approx(sum(accuracy) / 2)
  assert result["average"]["accuracy"] == pytest.approx(row["accuracy"])
  assert accuracy[0] / 2 < row["weighted_f1"] < accuracy[0]
  assert result["average"]["weighted_f1"] == row["weighted_f1"]


def test_weighted_f1_is_the_mean_of_candidates():
  # Candidate 0 is found thrice, once rightly: precision 1/3, recall 1; 2 is found once, rightly.
  assert bucc_retrieval.weighted_f1(np.array([0, 0, 2, 0])) == (2 / 4 + 0 + 1 + 0) / 4


def test_few_gold_pairs_are_put_aside(tmp_path):
  for language, count in (("de", 2), ("fr", 3)):
    ids = [(f"x{row}", f"y{row}") for row in range(1, count + 1)]
    write_bucc(tmp_path, ids, language=language, **{language: list("abc"), "en": list("ABC")})
  few = bucc_retrieval.Evaluator(data=tmp_path, minimum=3)
  assert few.pairs() == {"fr": (list("abc"), list("ABC"))} and few.skipped == {"de": 2}
  with pytest.raises(InputError, match="holds no language 'zh'; choose from de, fr"):
    bucc_retrieval.Evaluator(data=tmp_path, languages="zh")
