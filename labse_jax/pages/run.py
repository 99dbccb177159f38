"""The sections of a run's page, each from what was read to pieces of HTML.

A section adds the charts that it shows to `images`, {name: PNG bytes}.
"""

import json
import math

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.version import __version__
from labse_jax.evaluation.result_table import metric_text, metrics_of, number
from labse_jax.pages import html, plots
from labse_jax.pages.results import languages, measured, words

PANELS = {
  "Loss": "loss",
  "Tests during training": None,  # Whatever evaluators logged.
  "Masked words found": "masked_accuracy",
  "Learning rate": "learning_rate",
  "Sentences per second": "sentences_per_second",
  "Tokens per second": "tokens_per_second",
  "Gradient norm": "grad_norm",
}
SHOWN_PANELS = 4


def series(log, key):
  """(steps, values) where `key` was logged as a finite number, with or without an interval."""
  points = [(row["step"], number(row[key])) for row in log if key in row]
  points = [(step, value) for step, value in points if _is_finite(value)]
  return [step for step, _ in points], [value for _, value in points]


def _is_finite(value):
  return isinstance(value, int | float) and math.isfinite(value)


def overview(log, evaluation):
  """Where the run was measured, and its main figures."""
  values = []
  if evaluation:
    metric = metrics_of(evaluation)[-1]
    average = metric_text(evaluation["average"].get(metric)).split(" ")[0]
    values.append((average, f"{metric}, mean of {len(evaluation['results'])} languages"))
  values.append((f"{1 + max(row['step'] for row in log):,}", "training steps"))
  if loss := series(log, "loss")[1]:
    values.append((f"{loss[-1]:.3f}", "loss at the end"))
  if negatives := series(log, "negatives")[1]:
    values.append((f"{negatives[-1]:,.0f}", "negatives for each sentence"))
  if accuracy := series(log, "masked_accuracy")[1]:
    values.append((f"{accuracy[-1]:.3f}", "of the masked words found"))
  for unit in ("sentences", "tokens"):
    if speed := series(log, f"{unit}_per_second")[1]:
      values.append((f"{np.median(speed):,.0f}", f"{unit} per second"))
      break
  made = (evaluation or {}).get("hardware")
  by = [
    f"labse_jax {__version__}",
    *([f"{made['processor']}, {made['cores']} cores"] if made else []),
  ]
  return [html.element("p", " · ".join(by), "quiet"), html.tiles(values)]


def training(log, torn, images):
  """The curves of what was logged; `torn` where the last line had to be left out."""
  body = [html.element("h2", "Training")]
  if torn:
    body.append(html.notice("The last line of metrics.jsonl was cut short and is left out."))
  panels = {}
  for title, key in PANELS.items():
    curves = {name: series(log, name) for name in ([key] if key else _tests(log))}
    curves = {name: points for name, points in curves.items() if points[0]}
    if curves:
      panels[next(iter(curves)) if not key and len(curves) == 1 else title] = curves
  if not panels:
    return [*body, html.notice("metrics.jsonl holds no value that could be drawn.")]
  panels = dict(list(panels.items())[:SHOWN_PANELS])
  borders = stage_borders(log)
  images["training"] = plots.curves(panels, borders)
  caption = "Over the steps: " + ", ".join(panels)
  if borders:
    caption += ". Dotted: the model grows (progressive stacking)"
  return [*body, html.figure(images["training"], caption)]


def stage_borders(log):
  """The first logged step of each stage but the first."""
  staged = [row for row in log if "stage" in row]
  pairs = zip(staged, staged[1:], strict=False)
  return [row["step"] for before, row in pairs if row["stage"] != before["stage"]]


def _tests(log):
  names = sorted({key for row in log for key in row if "/" in key})
  main = [name for name in names if name.endswith("/accuracy")] or names
  return main[: len(plots.MORE)]


def evaluated(evaluation, images):
  """The evaluation's charts and tables."""
  if evaluation:
    return languages(evaluation, images)
  missing = html.notice("evaluation.json is missing: the run was not evaluated yet.")
  return [html.element("h2", "Accuracy by language"), missing]


def provenance(config, evaluation):
  """What was run: the configuration, and where the evaluation's figures come from."""
  body = [html.element("h2", "What was run")]
  if config:
    body.append(html.definitions(flat(config)))
  else:
    body.append(html.notice("config.json is missing: what was trained is not known."))
  return [*body, *measured(evaluation)] if evaluation else body


def flat(config, prefix=""):
  """{"a.b": text} of nested dicts."""
  values = {}
  for name, value in config.items():
    inside = isinstance(value, dict) and value
    values |= flat(value, f"{prefix}{name}.") if inside else {prefix + name: words(value)}
  return values


def read_metrics(path):
  """The logged steps, and whether the last line was cut short (by a crash) and left out."""
  if not path.is_file():
    raise InputError(f"{path}: no such file; train the run first.")
  lines = [(n, line) for n, line in enumerate(path.read_bytes().split(b"\n"), 1) if line.strip()]
  rows = []
  for place, line in lines:
    try:
      row = json.loads(line)
    except ValueError as error:
      if place == lines[-1][0] and rows:
        return rows, True
      raise InputError(f"{path}:{place}: is not JSON ({error}).") from error
    if not isinstance(row, dict) or not isinstance(row.get("step"), int):
      raise InputError(f"{path}:{place}: each line is one object with a 'step'.")
    rows.append(row)
  if not rows:
    raise InputError(f"{path}: is empty; no step was logged yet.")
  return rows, False


def read_object(path):
  """The JSON object in a file, or None where there is no such file."""
  if not path.is_file():
    return None
  try:
    value = json.loads(path.read_text(encoding="utf-8"))
  except ValueError as error:
    raise InputError(f"{path}: is not JSON ({error}).") from error
  if not isinstance(value, dict):
    raise InputError(f"{path}: holds no JSON object.")
  return value


def read_evaluation(path):
  """One model's result in a file, or None where there is no such file."""
  evaluation = read_object(path)
  if evaluation is not None and not {"suite", "results", "average"} <= set(evaluation):
    several = "compares models" if "models" in evaluation else "is no result of evaluate"
    raise InputError(f"{path}: {several}; evaluate this run's model alone with --output {path}.")
  return evaluation
