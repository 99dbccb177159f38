"""The sections of a suite's result, on the page of a run and on that of an evaluation."""

from labse_jax.evaluation.result_table import (
  LOWER_IS_BETTER,
  group_rows,
  main_metric,
  metrics_of,
  notes,
  rows,
)
from labse_jax.pages import html, plots

LONG_TABLE = 20
DIRECTIONS = ("forward", "backward")


def languages(result, images, model=None):
  """The bars of a result, both directions where it has them, and its tables.

  `model` is its name in the heading; the charts are also put into `images`, {name: PNG bytes}.
  """
  metric, head = metrics_of(result)[-1], ["language", *metrics_of(result)]
  *lines, average = rows(result)
  said = (
    f"Suite {result['suite']}: {average[-1]} on average over {len(lines)} languages, each counting"
    f" the same. {sense(metric)} Lines and brackets are 95 % intervals from resampling the items."
  )
  images["languages"] = plots.bars(main_metric(result), metric=metric)
  body = [
    html.element("h2", f"{metric.capitalize()} by language{f': {model}' if model else ''}"),
    html.element("p", said, "quiet"),
    *(html.element("p", text, "quiet") for text in notes(result)),
    html.figure(images["languages"], f"{metric} of each language"),
  ]
  if all(side in row for row in result["results"].values() for side in DIRECTIONS):
    sides = {side: {k: row[side] for k, row in result["results"].items()} for side in DIRECTIONS}
    images["directions"] = plots.dots(sides, metric=metric)
    caption = "Both directions: forward searches from the language, backward from the pivot"
    body.append(html.figure(images["directions"], "both directions", caption))
  body += group_table(head, group_rows(result), average)
  return [*body, foldable(f"All {len(lines)} languages in numbers", head, lines, average)]


def sense(metric):
  """Which way a metric is better."""
  return f"Of {metric}, {'less' if metric in LOWER_IS_BETTER else 'more'} is better."


def group_table(head, groups, average):
  """The rows of groups of languages, where there are any."""
  return [html.table(head, groups, total=average)] if groups else []


def foldable(title, head, lines, average):
  """A table, behind a line that opens it where it is long."""
  full = html.table(head, lines, total=average)
  return html.folded(title, full) if len(lines) > LONG_TABLE else full


def measured(evaluation):
  """Where an evaluation's figures come from."""
  keys = ("command", "model", "data", "precision", "hardware", "version", "seconds")
  known = {key: words(evaluation[key]) for key in keys if key in evaluation}
  return [html.element("h2", "How it was measured"), html.definitions(known, "wide")]


def words(value):
  """Any value of a JSON object as people read it."""
  if isinstance(value, dict):
    return ", ".join(f"{name}: {words(inner)}" for name, inner in value.items()) or "none"
  if isinstance(value, list | tuple):
    return ", ".join(map(words, value)) or "none"
  return "none" if value is None else str(value)
