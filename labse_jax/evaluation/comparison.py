"""Two models on the same items: paired bootstrap tests, and figures that others published.

An evaluator makes a pair of models testable by one of three keys that are not written to the JSON:
"outcomes" {language: [B]}, whose mean is the main metric, drawn apart but for the languages of one
name in "together" {language: name}; "counts" {language: [B, 3]}, of found, mined and gold pairs,
whose F1 is, where languages were drawn apart; or "draws" {language: [RESAMPLES]}, the main metric
of resamplings that are the same for every model.
"""

import itertools
import pathlib
import zlib

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_json
from labse_jax.evaluation.resampling import f1, interval, mean_draws, resampled_totals
from labse_jax.evaluation.result_table import (
  main_metric,
  metric_text,
  metrics_of,
  number,
)

PAIRED = ("outcomes", "together", "counts", "draws")


def compare(results, paired):
  """A comparison of each two models, from {model: result} and {model: what PAIRED names}.

  Each is {"models": [a, b], "metric", "average": test, "results": {language: test}}; a test is
  {"difference": a - b with its 95 % interval, "p"}, or the bare difference where the suite gives
  nothing to pair.
  """
  return [_compare(pair, results, paired) for pair in itertools.combinations(results, 2)]


def _compare(names, results, paired):
  first, second = (results[name] for name in names)
  metric = metrics_of(first)[-1]
  one, other = main_metric(first), main_metric(second)
  draws = difference_draws(list(one), *(paired[name] for name in names))
  tests = {
    language: test(number(one[language]) - number(other[language]), draws[language])
    for language in one
  }
  known = all(draws_R is not None for draws_R in draws.values())
  average = test(
    number(first["average"][metric]) - number(second["average"][metric]),
    np.mean(list(draws.values()), axis=0) if known else None,
  )
  return {"models": list(names), "metric": metric, "average": average, "results": tests}


def difference_draws(languages, one, other):
  """{language: differences of RESAMPLES resamplings of the items both were given; or None}."""
  if "draws" in one:
    return {language: one["draws"][language] - other["draws"][language] for language in languages}
  if "outcomes" in one:
    differences = {
      language: np.subtract(one["outcomes"][language], other["outcomes"][language])
      for language in languages
    }
    return mean_draws(differences, one.get("together", {}))
  if "counts" in one:
    return {language: _f1_difference(language, one, other) for language in languages}
  return dict.fromkeys(languages)


def _f1_difference(language, one, other):
  counts_B6 = np.concatenate([model["counts"][language] for model in (one, other)], 1)
  sums_R6 = resampled_totals(counts_B6, key=zlib.crc32(language.encode()))
  return f1(sums_R6[:, :3]) - f1(sums_R6[:, 3:])


def test(difference, draws_R):
  """A difference with its interval and the two-sided p-value of there being none."""
  if draws_R is None:
    return {"difference": float(difference)}
  # Counting the sample itself keeps p above 0 (Davison and Hinkley 1997, eq. 4.11).
  tail = min((draws_R <= 0).sum(), (draws_R >= 0).sum())
  p = min(1.0, 2 * (tail + 1) / (len(draws_R) + 1))
  return {"difference": interval(difference, draws_R), "p": p}


def test_cells(one):
  """A test's difference, with its sign, and its p-value, as people read them."""
  difference = metric_text(one["difference"])
  sign = "+" if number(one["difference"]) > 0 else ""
  if "p" not in one:
    return sign + difference, "not tested"
  return sign + difference, f"{one['p']:.3f}" if one["p"] >= 0.001 else "< 0.001"


def lines(comparisons):
  """One line for each two models."""
  return [
    f"{' - '.join(one['models'])}, {one['metric']}: {difference}, p: {p}"
    for one in comparisons
    for difference, p in [test_cells(one["average"])]
  ]


def read_published(path):
  """{name: {"source", "average", "languages", "results"}} of figures that others published.

  Raises InputError for a file of another form; "source" is needed, the others may be absent.
  """
  published = read_json(pathlib.Path(path))
  for name, one in published.items():
    if not isinstance(one, dict) or not isinstance(one.get("source"), str):
      raise InputError(f'{path}: {name!r} needs {{"source": TEXT, "average": NUMBER}}.')
    one.setdefault("results", {})
    unknown = set(one) - {"source", "average", "languages", "results"}
    if unknown or not isinstance(one["results"], dict):
      raise InputError(f"{path}: {name!r} may hold source, average, languages and results alone.")
    for place, value in {"average": one.get("average", 0), **one["results"]}.items():
      if not isinstance(value, int | float) or not -1 <= value <= 1:
        raise InputError(f"{path}: {name!r} has {value!r} for {place!r}; a fraction is needed.")
    one["results"] = {place: float(value) for place, value in one["results"].items()}
  return published
