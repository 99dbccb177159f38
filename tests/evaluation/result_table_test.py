"""Tables of results, metrics where less is better among them."""

import pytest

from labse_jax.evaluation import result_table

RESULTS = {
  "suite": "s",
  "results": {"fra": {"M": 0.2, "pairs": 5}, "deu": {"M": {"value": 0.1, "low": 0, "high": 0.5}}},
  "average": {"M": 0.15, "languages": 2},
}

GROUPS = {"14": {"error": 0.3, "languages": 2}}


def result(metric):
  def renamed(row):
    return {metric if name == "M" else name: value for name, value in row.items()}

  rows = {language: renamed(row) for language, row in RESULTS["results"].items()}
  return {"suite": "s", "results": rows, "average": renamed(RESULTS["average"])}


@pytest.mark.parametrize("metric, order", [("accuracy", ["fra", "deu"]), ("error", ["deu", "fra"])])
def test_the_best_stands_first(metric, order):
  one = result(metric)
  assert [row[0] for row in result_table.rows(one)] == [*order, "average"]
  assert result_table.metric_names(one) == ["pairs", metric]
  assert result_table.best_first(result_table.main_values(one), metric) == order
  assert result_table.best_first({"b": 1, "a": 1}, metric) == ["a", "b"]
  assert result_table.rows(one)[order.index("deu")] == ["deu", "", "0.100 (0.000 to 0.500)"]


def test_models_and_publications_side_by_side():
  published = {
    "P": {"source": "x", "average": 0.5, "languages": 14, "results": {"fra": 0.25}},
    "Q": {"source": "y", "average": 0.5, "languages": 2, "results": {}},
    "R": {"source": "z", "results": {}},
  }
  models = {"m": result("error"), "n": result("error") | {"groups": GROUPS}}
  head, rows, totals = result_table.side_by_side(models, published)
  assert head == ["language", "m", "n", "P (published)", "Q (published)", "R (published)"]
  assert rows[1] == ["fra", "0.200", "0.200", "0.250", "", ""]
  assert totals == [["average", "0.150", "0.150", "0.500 (of 14)", "0.500", ""]]
  *_, totals = result_table.side_by_side(dict(reversed(models.items())), {})
  assert totals == [["group 14 (2)", "0.300", ""], ["average", "0.150", "0.150"]]


def test_columns_are_aligned():
  lines = result_table.aligned([["a", "bbb"], ["cc", "1"]], [["average", "2"]], ["note"])
  assert lines.split("\n") == ["a        bbb", "cc         1", "-" * 12, "average    2", "note"]


def test_names_stand_beside_codes_where_there_is_room():
  totals = [["average", "1"]]
  lines = result_table.aligned([["language", "x"], ["fra", "1"], ["x9", "2"]], totals).split("\n")
  assert lines[:3] == ["language    x", "fra French  1", "x9          2"]
  wide = result_table.aligned([["language", "x" * 68], ["fra", "1"]], totals).split("\n")
  assert wide[1].startswith("fra French ") and len(wide[0]) == 80
  wider = result_table.aligned([["language", "x" * 70], ["deu", "1"], ["mkd", "1"]], totals)
  assert "German" not in wider and wider.split("\n")[2].split() == ["mkd", "1"]


def test_groups_and_what_was_scored_on_are_shown():
  halves = {"fra": "half", "deu": "test", "rus": "half"}
  one = result("error") | {"groups": GROUPS, "scored on": halves, "skipped": {"xho": 2}}
  lines = result_table.table(one).split("\n")
  assert [line.split("  ")[0].strip("-") for line in lines[3:6]] == ["", "group 14 (2)", "average"]
  assert lines[4].split()[-1] == "0.300"
  assert lines[6:] == [
    "left out, with too few pairs: xho (2)",
    "scored on half: fra, rus",
    "scored on test: deu",
  ]
