"""Two models on the same items: paired bootstrap tests, and figures that others published.

The field `paired` of an evaluator's Result says what a test needs of one model. It is one of
Outcomes, Counts and Draws, and the same kind for every model of a suite.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import itertools
import pathlib
import typing
import zlib

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_json
from labse_jax.base.types import PathLike
from labse_jax.evaluation.resampling import f1, interval, mean_draws, resampled_totals
from labse_jax.evaluation.result_table import (
  Metric,
  Report,
  main_metric,
  main_values,
  metric_text,
  number,
)

PUBLISHED = {"source", "average", "languages", "results"}


class PairedTest(typing.TypedDict):
  """The difference of two models, with its 95 % interval and its p-value where it was tested."""

  difference: Metric
  p: typing.NotRequired[float]


class Comparison(typing.TypedDict):
  """Tests of a - b, of the main metrics of two models: of the average and of each language."""

  models: list[str]
  metric: str
  average: PairedTest
  results: dict[str, PairedTest]


class Published(typing.TypedDict):
  """Figures that others published: their source, and an average over so many languages."""

  source: str
  average: typing.NotRequired[float]
  languages: typing.NotRequired[int]
  results: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Outcomes:
  """The score of each item, {language: [B]}. The mean of a language is its main metric.

  Each language is drawn apart, but those to which `together` {language: name} gives the same name
  are aligned and drawn together.
  """

  by_language: Mapping[str, np.ndarray]
  together: Mapping[str, str] = dataclasses.field(default_factory=dict)

  def difference_draws(self, other: "Paired") -> dict[str, np.ndarray]:
    """{language: differences of the means of RESAMPLES resamplings, [RESAMPLES]}."""
    differences = {}
    for language, score_B in self.by_language.items():
      differences[language] = np.subtract(score_B, other.by_language[language])
    return mean_draws(differences, self.together)


@dataclasses.dataclass(frozen=True)
class Counts:
  """Numbers of found, mined and gold pairs of each item, {language: [B, 3]}.

  The F1 of the sums of a language is its main metric. Each language is drawn apart.
  """

  by_language: Mapping[str, np.ndarray]

  def difference_draws(self, other: "Paired") -> dict[str, np.ndarray]:
    """{language: differences of the F1 of RESAMPLES resamplings, [RESAMPLES]}."""
    draws = {}
    for language, counts_B3 in self.by_language.items():
      # Side by side, so that a resampling draws the same items for both models.
      counts_B6 = np.concatenate([counts_B3, other.by_language[language]], 1)
      sums_R6 = resampled_totals(counts_B6, key=zlib.crc32(language.encode()))
      draws[language] = f1(sums_R6[:, :3]) - f1(sums_R6[:, 3:])
    return draws


@dataclasses.dataclass(frozen=True)
class Draws:
  """The main metric of each resampling, {language: [RESAMPLES]}.

  The resamplings draw the same items for every model.
  """

  by_language: Mapping[str, np.ndarray]

  def difference_draws(self, other: "Paired") -> dict[str, np.ndarray]:
    """{language: differences of the main metric of RESAMPLES resamplings, [RESAMPLES]}."""
    draws = {}
    for language, metric_R in self.by_language.items():
      draws[language] = metric_R - other.by_language[language]
    return draws


Paired = Outcomes | Counts | Draws


def compare(results: Mapping[str, Report], paired: Mapping[str, Paired | None]) -> list[Comparison]:
  """Compares each two models, given {model: report} and {model: `paired` of its Result}.

  A test is the bare difference where the suite has nothing to pair.
  """
  return [_compare(pair, results, paired) for pair in itertools.combinations(results, 2)]


def _compare(
  names: tuple[str, str], results: Mapping[str, Report], paired: Mapping[str, Paired | None]
) -> Comparison:
  name, other_name = names
  first = results[name]
  second = results[other_name]
  one = paired[name]
  other = paired[other_name]
  draws = {}
  if one is not None and other is not None:
    draws = one.difference_draws(other)

  other_values = main_values(second)
  tests = {}
  for language, value in main_values(first).items():
    difference = number(value) - number(other_values[language])
    tests[language] = paired_test(difference, draws.get(language))

  metric = main_metric(first)
  difference = number(first["average"][metric]) - number(second["average"][metric])
  mean_R = np.mean(list(draws.values()), axis=0) if draws else None
  average = paired_test(difference, mean_R)
  return {"models": list(names), "metric": metric, "average": average, "results": tests}


def paired_test(difference: float, draws_R: np.ndarray | None) -> PairedTest:
  """A difference with its interval and the two-sided p-value of there being none."""
  if draws_R is None:
    return {"difference": float(difference)}
  # Counting the sample itself keeps p above 0 (Davison and Hinkley 1997, eq. 4.11).
  tail = min((draws_R <= 0).sum(), (draws_R >= 0).sum())
  p = min(1.0, 2 * (tail + 1) / (len(draws_R) + 1))
  return {"difference": interval(difference, draws_R), "p": p}


def test_cells(one: PairedTest) -> tuple[str, str]:
  """A test's difference, with its sign, and its p-value, as people read them."""
  difference = metric_text(one["difference"])
  if number(one["difference"]) > 0:
    difference = f"+{difference}"
  if "p" not in one:
    return difference, "not tested"
  return difference, f"{one['p']:.3f}" if one["p"] >= 0.001 else "< 0.001"


def summary_lines(comparisons: Iterable[Comparison]) -> list[str]:
  """One line for each two models."""
  shown = []
  for one in comparisons:
    difference, p = test_cells(one["average"])
    shown.append(f"{' - '.join(one['models'])}, {one['metric']}: {difference}, p: {p}")
  return shown


def read_published(path: PathLike) -> dict[str, Published]:
  """Reads figures that others published, by the name of their system.

  Only "source" is needed in the file. Raises InputError for a file of another form.
  """
  published = read_json(pathlib.Path(path))
  for name, one in published.items():
    if not isinstance(one, dict) or not isinstance(one.get("source"), str):
      raise InputError(f'{path}: {name!r} needs {{"source": TEXT, "average": NUMBER}}.')
    one.setdefault("results", {})
    if set(one) - PUBLISHED or not isinstance(one["results"], dict):
      raise InputError(f"{path}: {name!r} may hold source, average, languages and results alone.")
    for place, value in {"average": one.get("average", 0), **one["results"]}.items():
      if not isinstance(value, int | float) or not -1 <= value <= 1:
        raise InputError(f"{path}: {name!r} has {value!r} for {place!r}; a fraction is needed.")
    one["results"] = {place: float(value) for place, value in one["results"].items()}
  return published
