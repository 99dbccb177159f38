"""Sentences that a reader can judge, and what a model finds for them."""

import numpy as np
import pytest

from labse_jax.evaluation import example_queries

FRENCH = ["Bonjour à tous les amis", "Le chat dort sur la table", "La pluie tombe encore", "Oui"]
ENGLISH = [
  "Hello and welcome to all",
  "The cat sleeps on the table",
  "It is still raining now",
  "Yes",
]
RUSSIAN = ["Привет всем друзьям", "Кот спит на столе", "Дождь всё ещё идёт", "Да"]


def test_languages_are_taken_from_every_script():
  scripts = dict.fromkeys(["aaa", "bbb", "deu", "fra"], "Latin") | {"rus": "Cyrillic", "th": "Thai"}
  chosen = example_queries.several(list(scripts) + ["kat"], {**scripts, "kat": "Georgian"})
  assert chosen == ["aaa", "deu", "fra", "rus", "th", "kat"]


@pytest.mark.parametrize(
  "text, name",
  [("日本語の文です", "Hiragana"), ("我的伞在哪", "Han"), ("Où est-il?", "Latin"), ("12", "?")],
)
def test_scripts_are_told_apart(text, name):
  assert example_queries.script([text]) == name


def test_pairs_are_spaced_over_the_file_and_easy_to_read():
  english = [f"a sentence of a good length {n}" for n in range(100)]
  foreign = [f"une phrase {n}" for n in range(100)]
  picked = example_queries.pick((foreign, english), 4)
  assert picked == [(foreign[place], english[place]) for place in (12, 37, 61, 86)]
  # Too short ones stand back while others are enough.
  short_first = ["Oui", *FRENCH[:3]], ["Yes", *ENGLISH[:3]]
  assert example_queries.pick(short_first, 1) == [(FRENCH[1], ENGLISH[1])]
  assert example_queries.pick((["Oui"], ["Yes"]), 2) == [("Oui", "Yes")]


def test_accuracy_is_higher_where_better():
  def evaluation(metric):
    return {"results": {"fra": {metric: {"value": 0.25, "low": 0, "high": 1}, "pairs": 3}}}

  assert example_queries.accuracy(evaluation("accuracy")) == {"fra": 0.25}
  assert example_queries.accuracy(evaluation("error")) == {"fra": -0.25}
  assert example_queries.accuracy(None) == {}


def test_queries_come_with_what_is_nearest_to_them(tmp_path):
  for language, texts in (("fra", FRENCH), ("rus", RUSSIAN)):
    (tmp_path / f"tatoeba.{language}-eng.{language}").write_text("\n".join(texts), "utf-8")
    (tmp_path / f"tatoeba.{language}-eng.eng").write_text("\n".join(ENGLISH), "utf-8")
  meaning = {}
  for texts in (FRENCH, ENGLISH, RUSSIAN):
    meaning |= {text: row for row, text in enumerate(texts)}
  # The model takes the first Russian sentence for the second.
  meaning[RUSSIAN[0]] = 1
  asked = []

  def encode(texts):
    asked.extend(texts)
    return np.eye(4, dtype=np.float32)[[meaning[text] for text in texts]]

  shown = example_queries.show(tmp_path, {"rus": 0.5, "fra": 1.0, "deu": 1.0}, encode)
  assert len(set(asked)) == len(asked)
  assert shown["language"] == "rus"  # The middle of fra, rus.
  assert shown["similarity"].shape == (4, 4) and len(shown["pairs"]) == 4
  by_query = {query["query"]: query for query in shown["queries"]}
  assert [query["language"] for query in shown["queries"]] == ["fra", "fra", "rus", "rus"]
  for query in by_query.values():
    wrong = query["query"] == RUSSIAN[0]
    assert query["rank"] == (2 if wrong else 1) and query["candidates"] == 4
    assert query["gold_score"] == (0 if wrong else 1)
    assert len(query["found"]) == example_queries.NEAREST
    assert (query["found"][0][0] == query["gold"]) is not wrong
  assert RUSSIAN[0] in by_query
