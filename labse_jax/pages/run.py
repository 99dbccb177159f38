"""The sections of a run's page: from what was read to pieces of HTML.

A section adds the charts that it shows to `images`, {name: PNG bytes}.
"""

import math

import numpy as np

from labse_jax.base.version import __version__
from labse_jax.evaluation.result_table import main_metric, metric_text, number
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
  """Returns (steps, values) where `key` was logged as a finite number, maybe with an interval."""
  steps = []
  values = []
  for row in log:
    value = number(row.get(key))
    if isinstance(value, int | float) and math.isfinite(value):
      steps.append(row["step"])
      values.append(value)
  return steps, values


def overview(log, evaluation):
  """Where the run was measured, and its main figures."""
  values = []
  if evaluation:
    metric = main_metric(evaluation)
    average = metric_text(evaluation["average"].get(metric)).split(" ")[0]
    values.append((average, f"{metric}, mean of {len(evaluation['results'])} languages"))
  values.append((f"{1 + max(row['step'] for row in log):,}", "training steps"))
  _, losses = series(log, "loss")
  if losses:
    values.append((f"{losses[-1]:.3f}", "loss at the end"))
  _, negatives = series(log, "negatives")
  if negatives:
    values.append((f"{negatives[-1]:,.0f}", "negatives for each sentence"))
  _, accuracies = series(log, "masked_accuracy")
  if accuracies:
    values.append((f"{accuracies[-1]:.3f}", "of the masked words found"))
  values += _speed(log)
  made_by = f"labse_jax {__version__}"
  hardware = (evaluation or {}).get("hardware")
  if hardware:
    made_by += f" · {hardware['processor']}, {hardware['cores']} cores"
  return [html.element("p", made_by, "quiet"), html.tiles(values)]


def _speed(log):
  """The tile of the speed, in sentences where they were counted; none where nothing was."""
  for unit in ("sentences", "tokens"):
    _, speeds = series(log, f"{unit}_per_second")
    if speeds:
      return [(f"{np.median(speeds):,.0f}", f"{unit} per second")]
  return []


def phases(seconds):
  """What the phases of the run took, of {phase: seconds}; nothing where none were noted."""
  if not seconds:
    return []
  rows = [(name, f"{number:,}") for name, number in seconds.items()]
  total = ("in all", f"{sum(seconds.values()):,}")
  return [
    html.element("h2", "Seconds by phase"),
    html.table(("phase", "seconds"), rows, total=total),
  ]


def training(log, torn, images):
  """The curves of what was logged; `torn` where the last line had to be left out."""
  body = [html.element("h2", "Training")]
  if torn:
    body.append(html.notice("The last line of metrics.jsonl was cut short and is left out."))
  panels = _panels(log)
  if not panels:
    return [*body, html.notice("metrics.jsonl holds no value that could be drawn.")]
  borders = stage_borders(log)
  images["training"] = plots.curves(panels, borders)
  narrow = plots.curves(panels, borders, width=plots.NARROW)
  caption = "Over the steps: " + ", ".join(panels)
  if borders:
    caption += ". Dotted: the model grows (progressive stacking)"
  return [*body, html.figure(images["training"], caption, narrow=narrow)]


def _panels(log):
  """{title: {name: (steps, values)}} of the first panels that have something to draw."""
  panels = {}
  for title, key in PANELS.items():
    names = [key] if key else _tests(log)
    curves = {}
    for name in names:
      steps, values = series(log, name)
      if steps:
        curves[name] = (steps, values)
    if not curves:
      continue
    if not key and len(curves) == 1:  # A single test says better than the title what it is.
      (title,) = curves
    panels[title] = curves
    if len(panels) == SHOWN_PANELS:
      break
  return panels


def stage_borders(log):
  """The first logged step of each stage but the first."""
  borders = []
  stage = None
  for row in log:
    if stage is not None and row.get("stage", stage) != stage:
      borders.append(row["step"])
    stage = row.get("stage", stage)
  return borders


def _tests(log):
  """The names of what evaluators logged: accuracies if there are any, at most one a colour."""
  names = set()
  for row in log:
    names.update(key for key in row if "/" in key)
  names = sorted(names)
  accuracies = [name for name in names if name.endswith("/accuracy")]
  return (accuracies or names)[: len(plots.MORE)]


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
    if isinstance(value, dict) and value:
      values |= flat(value, f"{prefix}{name}.")
    else:
      values[prefix + name] = words(value)
  return values
