"""The sections of a suite's result, on the page of a run and on that of an evaluation."""

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
from labse_jax.pages import html, plots

LONG_TABLE = 20
DIRECTIONS = ("forward", "backward")


def languages(result, images, model=None):
  """The bars of a result, both directions where it has them, and its tables.

  `model` is its name in the heading; the charts are also put into `images`, {name: PNG bytes}.
  """
  metric = main_metric(result)
  head = ["language", *metric_names(result)]
  *lines, average = rows(result)
  # On the page of one run there is one model, and no need to name it.
  title = f"{metric.capitalize()} by language"
  if model:
    title += f": {model}"
  said = (
    f"Suite {result['suite']}: {average[-1]} on average over {len(lines)} languages, each counting"
    f" the same. {sense(metric)} Lines and brackets are 95 % intervals from resampling the items."
  )
  # A reader sees the picture first; the exact numbers are folded below it.
  values = named_keys(main_values(result))
  images["languages"] = plots.bars(values, metric=metric)
  narrow = plots.bars(values, metric=metric, width=plots.NARROW)
  body = [
    html.element("h2", title),
    html.element("p", said, "quiet"),
    *_notes(result),
    html.figure(images["languages"], f"{metric} of each language", narrow=narrow),
  ]
  # Only a search has directions, and a model that finds one way may not find the other.
  sides = _directions(result)
  if sides:
    images["directions"] = plots.dots(sides, metric=metric)
    narrow = plots.dots(sides, metric=metric, width=plots.NARROW)
    caption = (
      "Both directions: forward looks for the translations of the language's sentences, backward"
      " for the sentences that they translate"
    )
    body.append(html.figure(images["directions"], "both directions", caption, narrow=narrow))
  body += group_table(head, group_rows(result), average)
  title = f"All {len(lines)} languages in numbers"
  return [*body, foldable(title, head, named_rows(lines), average)]


def _notes(result):
  """What was left out, and what was scored on; many languages stand behind a line."""
  body = [html.element("p", text, "quiet") for text in scored_on(result)]
  skipped = named_keys(result.get("skipped", {}))
  if len(skipped) > LONG_TABLE:
    title = f"{len(skipped)} languages are left out, with too few pairs"
    return [html.folded(title, html.definitions(skipped)), *body]
  few = [html.element("p", text, "quiet") for text in left_out({"skipped": skipped})]
  return [*few, *body]


def named_keys(values):
  """{language's name and code: value} of {code: value}."""
  return {named(code): value for code, value in values.items()}


def _directions(result):
  """{direction: {language: its value}}; None where a language lacks one."""
  sides = {}
  for side in DIRECTIONS:
    sides[side] = {}
    for language, row in result["results"].items():
      if side not in row:
        return None
      sides[side][named(language)] = row[side]
  return sides


def sense(metric):
  """Which way a metric is better."""
  better = "less" if metric in LOWER_IS_BETTER else "more"
  return f"Of {metric}, {better} is better."


def group_table(head, groups, average):
  """A table of groups of languages, in a list; an empty list where there are no groups."""
  return [html.table(head, groups, total=average)] if groups else []


def foldable(title, head, lines, average):
  """A table, behind a line that opens it where it is long."""
  full = html.table(head, lines, total=average)
  return html.folded(title, full) if len(lines) > LONG_TABLE else full


def measured(evaluation):
  """Where an evaluation's figures come from."""
  keys = ("command", "model", "data", "precision", "hardware", "version", "seconds")
  # The file's key for the type of numbers keeps its old name, for those who read it.
  titles = {"precision": "dtype"}
  known = {titles.get(key, key): words(evaluation[key]) for key in keys if key in evaluation}
  return [html.element("h2", "How it was measured"), html.definitions(known, "wide")]


def words(value):
  """Any value of a JSON object as people read it."""
  if isinstance(value, dict):
    named = [f"{name}: {words(inner)}" for name, inner in value.items()]
    return ", ".join(named) or "none"
  if isinstance(value, list | tuple):
    return ", ".join(map(words, value)) or "none"
  if value is None:
    return "none"
  return str(value)
