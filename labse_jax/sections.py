"""The sections of a run's page, each from what was read to pieces of HTML.

A section adds the charts that it shows to `images`, {name: PNG bytes}.
"""

import math
import pathlib

import numpy as np

from labse_jax import __version__, examples, page, plots
from labse_jax.errors import InputError
from labse_jax.evaluate import load_encode
from labse_jax.result_table import (
  LOWER_IS_BETTER,
  left_out,
  main_metric,
  metric_text,
  metrics_of,
  number,
  rows,
)

LONG_TABLE = 20
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
  return [page.element("p", " · ".join(by), "quiet"), page.tiles(values)]


def training(log, torn, images):
  """The curves of what was logged; `torn` where the last line had to be left out."""
  body = [page.element("h2", "Training")]
  if torn:
    body.append(page.notice("The last line of metrics.jsonl was cut short and is left out."))
  panels = {}
  for title, key in PANELS.items():
    curves = {name: series(log, name) for name in ([key] if key else _tests(log))}
    curves = {name: points for name, points in curves.items() if points[0]}
    if curves:
      panels[next(iter(curves)) if not key and len(curves) == 1 else title] = curves
  if not panels:
    return [*body, page.notice("metrics.jsonl holds no value that could be drawn.")]
  panels = dict(list(panels.items())[:SHOWN_PANELS])
  borders = stage_borders(log)
  images["training"] = plots.curves(panels, borders)
  caption = "Over the steps: " + ", ".join(panels)
  if borders:
    caption += ". Dotted: the model grows (progressive stacking)"
  return [*body, page.figure(images["training"], caption)]


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
  """The evaluation's bars and its table."""
  if not evaluation:
    missing = page.notice("evaluation.json is missing: the run was not evaluated yet.")
    return [page.element("h2", "Accuracy by language"), missing]
  metric = metrics_of(evaluation)[-1]
  body = [page.element("h2", f"{metric.capitalize()} by language")]
  images["languages"] = plots.bars(main_metric(evaluation), metric=metric)
  *lines, average = rows(evaluation)
  full = page.table(["language", *metrics_of(evaluation)], lines, total=average)
  said = (
    f"Suite {evaluation['suite']}: {average[-1]} on average over {len(lines)} languages, each"
    " counting the same. Lines and brackets are 95 % intervals from resampling the pairs."
  )
  body += [page.element("p", said, "quiet")]
  body += [page.element("p", text, "quiet") for text in left_out(evaluation)]
  body.append(page.figure(images["languages"], f"{metric} of each language"))
  long = len(lines) > LONG_TABLE
  return [*body, page.folded(f"All {len(lines)} languages in numbers", full) if long else full]


def at_work(model, evaluation, data, images):
  """What the model finds: the heat map and the queries."""
  body = [page.element("h2", "The model at work")]
  data = data or (evaluation or {}).get("data")
  if not pathlib.Path(model).is_dir():
    return [*body, page.notice(f"The model is missing: there is no folder {model}.")]
  if not data:
    return [*body, page.notice("The test's sentences are missing: give their folder as --data.")]
  try:
    shown = examples.show(data, _accuracy(evaluation), _encoder(model, evaluation or {}))
  except InputError as error:
    return [*body, page.notice(f"Nothing can be shown: {error}")]
  return [*body, *similarity(shown, images), *queries(shown["queries"])]


def _accuracy(evaluation):
  if not evaluation:
    return {}
  sign = -1 if metrics_of(evaluation)[-1] in LOWER_IS_BETTER else 1
  return {name: sign * number(value) for name, value in main_metric(evaluation).items()}


def _encoder(model, evaluation):
  precision = evaluation.get("precision") or "float32"
  return load_encode(str(model), precision=precision, prompt=evaluation.get("prompt"))


def similarity(shown, images):
  """The heat map of sentences and their translations, with the texts beside it."""
  language = shown["language"]
  images["similarity"] = plots.heat_map(shown["similarity"], down=language, across="English")
  numbered = enumerate(shown["pairs"], 1)
  texts = "".join(
    f"<tr><td>{place}</td><td>{page.sentence(foreign)}"
    f'<span class="quiet">{page.sentence(english)}</span></td></tr>'
    for place, (foreign, english) in numbered
  )
  said = (
    f"Cosine similarities of {len(shown['pairs'])} sentences in {language} (rows) and their"
    " translations (columns). A good model is dark on the diagonal and pale elsewhere."
    f" Of the languages below, {language} is the one of middling accuracy."
  )
  figure = page.figure(images["similarity"], f"Similarities, {language} and English")
  beside = f'<div class="beside">{figure}<table class="pairs">{texts}</table></div>'
  return [page.element("p", said, "quiet"), beside]


def queries(found):
  """A card for each query with the nearest sentences and whether the first is the right one."""
  said = (
    "Sentences of the test and the nearest English ones among all of that language, with their"
    " cosines. Languages are taken by script, the widely read first, and sentences evenly."
  )
  cards = "\n".join(map(_card, found))
  title = page.element("h2", "Queries")
  return [title, page.element("p", said, "quiet"), f'<div class="cards">\n{cards}\n</div>']


def _card(query):
  right = query["rank"] == 1
  mark = page.element("b", "✓ found" if right else "✗ missed", "right" if right else "wrong")
  lines = [_line("li", text, score, text == query["gold"]) for text, score in query["found"]]
  if query["rank"] > len(lines):
    tail = (
      f'<p class="quiet">the right one, at rank {query["rank"]:,} of {query["candidates"]:,}:</p>'
    )
    tail += _line("div", query["gold"], query["gold_score"], True)
  else:
    tail = ""
  return (
    f'<div class="card"><div class="head">{page.element("span", query["language"], "code")}'
    f'{mark}</div><p class="query">{page.sentence(query["query"])}</p>'
    f"<ol>{''.join(lines)}</ol>{tail}</div>"
  )


def _line(tag, text, score, right):
  kind = "hit right" if right else "hit"
  inner = page.element("span", f"{score:.3f}", "score") + page.sentence(text)
  return f'<{tag} class="{kind}">{inner}</{tag}>'


def provenance(config, evaluation):
  """What was run: the configuration, and where the evaluation's figures come from."""
  body = [page.element("h2", "What was run")]
  if config:
    body.append(page.definitions(flat(config)))
  else:
    body.append(page.notice("config.json is missing: what was trained is not known."))
  return [*body, *measured(evaluation)] if evaluation else body


def measured(evaluation):
  """Where an evaluation's figures come from."""
  keys = ("command", "model", "data", "precision", "hardware", "version", "seconds")
  known = {key: _words(evaluation[key]) for key in keys if key in evaluation}
  return [page.element("h2", "How it was measured"), page.definitions(known, "wide")]


def flat(config, prefix=""):
  """{"a.b": text} of nested dicts."""
  values = {}
  for name, value in config.items():
    inside = isinstance(value, dict) and value
    values |= flat(value, f"{prefix}{name}.") if inside else {prefix + name: _words(value)}
  return values


def _words(value):
  if isinstance(value, dict):
    return ", ".join(f"{name}: {_words(inner)}" for name, inner in value.items()) or "none"
  if isinstance(value, list | tuple):
    return ", ".join(map(_words, value)) or "none"
  return "none" if value is None else str(value)
