"""The page of an evaluation: languages, sentences in many of them, hubs, and models compared."""

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
import dataclasses
import pathlib
from typing import NamedTuple

from labse_jax.data.language_names import named
from labse_jax.evaluation import comparison, multilingual
from labse_jax.evaluation.result_table import (
  LOWER_IS_BETTER,
  best_first,
  main_metric,
  main_values,
  metric_text,
  named_rows,
  number,
  side_by_side,
)
from labse_jax.pages import html, plots
from labse_jax.pages import results as result_sections
from labse_jax.pages.html import Table
from labse_jax.pages.plots import Chart
from labse_jax.pages.results import DIRECTIONS, Report, named_keys

SHOWN_HUBS = 10


@dataclasses.dataclass(frozen=True)
class Beside:
  """Models side by side, figures of others among them, and the paired tests of each two."""

  metric: str
  sense: str
  chart: Chart
  groups: Table
  table: Table
  published: dict[str, str]  # {name: where its figures were published}
  averages: Table
  tests: dict[str, Table]  # {"one model − another": its table of languages}


@dataclasses.dataclass(frozen=True)
class Look:
  """What one model's vectors show: a sentence in many languages, a plane of some, and hubs."""

  heat: Chart
  translations: list[tuple[str, str]]  # (language, text)
  projection: Chart
  sentences: list[str]
  hubs: Table


class Square(NamedTuple):
  """A language in the map by script; the shade 0 is pale, 1 dark."""

  language: str
  value: str
  shade: float


def page_of(
  results: Mapping[str, Report],
  shown: Mapping[str, multilingual.Look],
  comparisons: Iterable[comparison.Comparison],
  published: dict[str, comparison.Published],
) -> str:
  """The HTML page of an evaluation.

  `results` is {model: its result}, `shown` {model: what `multilingual.look` gives}, `comparisons`
  the paired tests and `published` {name: figures of a paper}.
  """
  names = short_names({name: result["model"] for name, result in results.items()})
  results = {names[name]: result for name, result in results.items()}
  shown = {names[name]: one for name, one in shown.items()}
  comparisons = [one | {"models": [names[name] for name in one["models"]]} for one in comparisons]
  first = next(iter(results.values()))
  several = len(results) > 1 or published
  maps = {}
  for name, result in results.items():
    maps[name] = language_map(result, shown[name].get("scripts", {}))
  # A suite of millions of sentences gives no vectors to look at.
  looks = {name: look_of(name, one) for name, one in shown.items() if one}
  return html.render(
    "evaluation.html",
    title=f"{first['suite']}: {', '.join(results)}",
    tiles=list(_averages(results)),
    beside=models_side_by_side(results, comparisons, published) if several else None,
    by_language={name: result_sections.by_language(result) for name, result in results.items()},
    maps=maps,
    looks=looks,
    measured={name: result_sections.measured(result) for name, result in results.items()},
  )


def short_names(paths: Mapping[str, str]) -> dict[str, str]:
  """{name: what the page calls a model} of {name: its path}, which stands at the page's end."""
  short = {}
  for name, model in paths.items():
    path = pathlib.Path(model)
    # A run's model is its folder `model`; the run is what has a name.
    named_by = path.parent if path.name == "model" and path.parent.name else path
    short[name] = named_by.stem if named_by.suffix == ".npy" else named_by.name
  distinct = len(set(short.values())) == len(short)
  return short if distinct else {name: name for name in paths}


def _averages(results: Mapping[str, Report]) -> Iterator[tuple[str, str]]:
  """The tiles: each model's average."""
  for name, result in results.items():
    metric = main_metric(result)
    average = f"{number(result['average'][metric]):.3f}"
    yield average, f"{metric}, mean of {len(result['results'])}, {name}"


def models_side_by_side(
  results: dict[str, Report],
  comparisons: Sequence[comparison.Comparison],
  published: dict[str, comparison.Published],
) -> Beside:
  """Models side by side, and `published` figures beside them."""
  metric = main_metric(next(iter(results.values())))
  head, lines, totals = side_by_side(results, published)
  *groups, average = totals
  columns = {name: named_keys(main_values(result)) for name, result in results.items()}
  averages = {_title(one): one["average"] for one in comparisons}
  return Beside(
    metric=metric,
    sense=result_sections.sense(metric),
    chart=plots.both_widths(plots.dots, columns, metric=metric),
    groups=Table(head, groups, average),
    table=Table(head, named_rows(lines), average),
    published={name: one["source"] for name, one in published.items()},
    averages=_test_table("of averages", averages),
    tests={_title(one): _test_table("language", one["results"]) for one in comparisons},
  )


def _title(one: comparison.Comparison) -> str:
  return " − ".join(one["models"])


def _test_table(name: str, tests: Mapping[str, comparison.PairedTest]) -> Table:
  rows = [[named(of), *comparison.test_cells(test)] for of, test in tests.items()]
  return Table([name, "difference", "p"], rows)


def language_map(result: Report, scripts: Mapping[str, str]) -> dict[str, list[Square]]:
  """{script: its languages, the best first}, the largest first; {} without `scripts`.

  `scripts` is {language: script of its sentences}.
  """
  if not scripts:
    return {}
  metric = main_metric(result)
  values = main_values(result)
  groups = collections.defaultdict(list)
  for language in best_first(values, metric):
    value = number(values[language])
    goodness = 1 - value if metric in LOWER_IS_BETTER else value
    shade = min(max(goodness, 0), 1)  # A correlation may be below 0.
    groups[scripts[language]].append(Square(named(language), f"{value:.2f}", shade))
  return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))


def look_of(name: str, shown: multilingual.Look) -> Look:
  """What `multilingual.look` gave of a model, as charts and tables."""
  heat = shown["heat"]
  languages = heat["languages"]
  plane = shown["projection"]
  points = (plane["points"], plane["sentence"], plane["language"])
  return Look(
    heat=plots.both_widths(
      plots.heat_map, heat["similarity"], down=name, across="", names=languages
    ),
    translations=list(zip(languages, heat["texts"], strict=True)),
    projection=plots.both_widths(plots.projection, *points, share_2=plane["share"]),
    sentences=plane["sentences"],
    hubs=hubs(shown["hubs"]),
  )


def hubs(found: Mapping[str, multilingual.Hubs]) -> Table:
  """The languages whose skewness is largest, and of each the sentence that is found most."""
  worst = sorted(found, key=lambda language: (-found[language]["forward"], language))[:SHOWN_HUBS]
  lines = []
  for language in worst:
    one = found[language]
    skewness = [metric_text(one[side]) for side in DIRECTIONS]
    found_by = f"{one['found']:,} of {one['queries']:,}"
    lines.append([named(language), *skewness, found_by, one["hub"]])
  total = [f"mean of {len(found)}"]
  for side in DIRECTIONS:
    mean = sum(one[side] for one in found.values()) / len(found)
    total.append(metric_text(mean))
  total += ["", ""]  # The last two columns have no mean.
  return Table(["language", *DIRECTIONS, "largest hub is found by", "largest hub"], lines, total)
