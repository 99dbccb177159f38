"""The results of a suite as the page of a run and that of an evaluation show them."""

from collections.abc import Mapping
import dataclasses
from typing import Any, Literal, TypeVar

from labse_jax.data.language_names import named
from labse_jax.evaluation.result_table import (
  LOWER_IS_BETTER,
  group_rows,
  left_out,
  main_metric,
  main_values,
  metric_names,
  named_rows,
  rows,
  scored_on,
)
from labse_jax.pages import plots
from labse_jax.pages.html import Table
from labse_jax.pages.plots import Chart, Value

Report = dict[str, Any]  # What `evaluate` writes of one model, as JSON holds it.
DIRECTIONS: tuple[Literal["forward"], Literal["backward"]] = ("forward", "backward")
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class LanguageResults:
  """One model's results by language: what is said of them, their charts and their tables.

  `skipped` are the languages that were left out, with their pairs; `left_out` says the same in
  lines. `directions` is None where a language lacks one: only a search has directions.
  """

  suite: str
  metric: str
  sense: str
  average: str
  skipped: dict[str, int]
  left_out: list[str]
  scored_on: list[str]
  chart: Chart
  directions: Chart | None
  groups: Table
  table: Table


def by_language(result: Report) -> LanguageResults:
  """The results of one model."""
  metric = main_metric(result)
  head = ["language", *metric_names(result)]
  *lines, average = rows(result)
  skipped = named_keys(result.get("skipped", {}))
  # A model that finds one way may not find the other.
  sides = _directions(result)
  return LanguageResults(
    suite=result["suite"],
    metric=metric,
    sense=sense(metric),
    average=average[-1],
    skipped=skipped,
    left_out=left_out({"skipped": skipped}),
    scored_on=scored_on(result),
    chart=plots.both_widths(plots.bars, named_keys(main_values(result)), metric=metric),
    directions=plots.both_widths(plots.dots, sides, metric=metric) if sides else None,
    groups=Table(head, group_rows(result), average),
    table=Table(head, named_rows(lines), average),
  )


def named_keys(values: Mapping[str, T]) -> dict[str, T]:
  """{language's name and code: value} of {code: value}."""
  return {named(code): value for code, value in values.items()}


def _directions(result: Report) -> dict[str, dict[str, Value]] | None:
  """{direction: {language: its value}}; None where a language lacks one."""
  sides: dict[str, dict[str, Value]] = {}
  for side in DIRECTIONS:
    sides[side] = {}
    for language, row in result["results"].items():
      if side not in row:
        return None
      sides[side][named(language)] = row[side]
  return sides


def sense(metric: str) -> str:
  """Which way a metric is better."""
  better = "less" if metric in LOWER_IS_BETTER else "more"
  return f"Of {metric}, {better} is better."


def measured(evaluation: Report) -> dict[str, str]:
  """Where an evaluation's figures come from, {name: words}."""
  keys = ("command", "model", "data", "precision", "hardware", "version", "seconds")
  # The file's key for the type of numbers keeps its old name, for those who read it.
  titles = {"precision": "dtype"}
  return {titles.get(key, key): words(evaluation[key]) for key in keys if key in evaluation}


def words(value: object) -> str:
  """Any value of a JSON object as people read it."""
  if isinstance(value, dict):
    named = [f"{name}: {words(inner)}" for name, inner in value.items()]
    return ", ".join(named) or "none"
  if isinstance(value, list | tuple):
    return ", ".join(map(words, value)) or "none"
  if value is None:
    return "none"
  return str(value)
