"""The page of a run: how it was trained, what it reached and what its model finds."""

from collections.abc import Mapping, Sequence
import math
from typing import Any, NamedTuple

import numpy as np

from labse_jax.base.version import __version__
from labse_jax.data.language_names import named
from labse_jax.evaluation.example_queries import Shown
from labse_jax.evaluation.result_table import main_metric, metric_text, number
from labse_jax.pages import html, plots
from labse_jax.pages.html import Table
from labse_jax.pages.plots import Chart, Panels
from labse_jax.pages.results import Report, by_language, measured, words
from labse_jax.pages.run_files import Row, Run

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


class Page(NamedTuple):
  """A page, and its charts as PNGs by name: training, languages, directions, similarity."""

  text: str
  images: dict[str, bytes]


def page_of(name: str, run: Run, shown: Shown | None, missing: str = "") -> Page:
  """The page of a run; `shown` is what `example_queries.show` gives of its model.

  Where that is None, `missing` says why nothing can be shown.
  """
  panels = panels_of(run.log)
  borders = stage_borders(run.log)
  training = plots.both_widths(plots.curves, panels, borders) if panels else None
  evaluated = by_language(run.evaluation) if run.evaluation else None
  similarity = similarity_chart(shown) if shown else None
  text = html.render(
    "run.html",
    title=name,
    made_by=made_by(run.evaluation),
    tiles=tiles(run.log, run.evaluation),
    torn=run.torn,
    training=training,
    panels=panels,
    borders=borders,
    evaluated=evaluated,
    phases=phases_table(run.phases),
    shown=shown,
    similarity=similarity,
    missing=missing,
    config=flat(run.config or {}),
    measured=measured(run.evaluation or {}),
  )
  charts = {
    "training": training,
    "languages": evaluated and evaluated.chart,
    "directions": evaluated and evaluated.directions,
    "similarity": similarity,
  }
  return Page(text, {name: chart.wide for name, chart in charts.items() if chart})


def series(log: Sequence[Row], key: str) -> tuple[list[int], list[float]]:
  """Returns (steps, values) where `key` was logged as a finite number, maybe with an interval."""
  steps = []
  values = []
  for row in log:
    value = number(row[key]) if key in row else None
    if isinstance(value, int | float) and math.isfinite(value):
      steps.append(row["step"])
      values.append(value)
  return steps, values


def made_by(evaluation: Report | None) -> str:
  """The version of this package, and the machine of the evaluation."""
  hardware = (evaluation or {}).get("hardware")
  if not hardware:
    return f"labse_jax {__version__}"
  return f"labse_jax {__version__} · {hardware['processor']}, {hardware['cores']} cores"


def tiles(log: Sequence[Row], evaluation: Report | None) -> list[tuple[str, str]]:
  """The main figures of a run, each with what it is."""
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
  return values + _speed(log)


def _speed(log: Sequence[Row]) -> list[tuple[str, str]]:
  """The tile of the speed, in sentences where they were counted; none where nothing was."""
  for unit in ("sentences", "tokens"):
    _, speeds = series(log, f"{unit}_per_second")
    if speeds:
      return [(f"{np.median(speeds):,.0f}", f"{unit} per second")]
  return []


def phases_table(seconds: Mapping[str, int]) -> Table:
  """What the phases of the run took, of {phase: seconds}."""
  rows = [(name, f"{number:,}") for name, number in seconds.items()]
  return Table(("phase", "seconds"), rows, ("in all", f"{sum(seconds.values()):,}"))


def panels_of(log: Sequence[Row]) -> Panels:
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


def stage_borders(log: Sequence[Row]) -> list[int]:
  """The first logged step of each stage but the first."""
  borders = []
  stage = None
  for row in log:
    if stage is not None and row.get("stage", stage) != stage:
      borders.append(row["step"])
    stage = row.get("stage", stage)
  return borders


def _tests(log: Sequence[Row]) -> list[str]:
  """The names of what evaluators logged: accuracies if there are any, at most one a colour."""
  names: set[str] = set()
  for row in log:
    names.update(key for key in row if "/" in key)
  in_order = sorted(names)
  accuracies = [name for name in in_order if name.endswith("/accuracy")]
  return (accuracies or in_order)[: len(plots.MORE)]


def similarity_chart(shown: Shown) -> Chart:
  """The heat map of sentences and their translations."""
  language = named(shown["language"])
  return plots.both_widths(plots.heat_map, shown["similarity"], down=language, across="English")


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
  """{"a.b": text} of nested dicts."""
  values: dict[str, str] = {}
  for name, value in config.items():
    if isinstance(value, dict) and value:
      values |= flat(value, f"{prefix}{name}.")
    else:
      values[prefix + name] = words(value)
  return values
