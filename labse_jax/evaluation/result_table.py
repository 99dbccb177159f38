"""Results of suites as the rows and columns that people read."""

from collections.abc import Iterable, Mapping, Sequence
import typing

from labse_jax.data.language_names import name_of, named

if typing.TYPE_CHECKING:  # comparison imports this module.
  from labse_jax.evaluation.comparison import Published

LOWER_IS_BETTER = {"error"}
TERMINAL = 80  # Columns.
# A number, or {"value", "low", "high"}.
Metric = float | dict[str, float]
# {metric: value} of a language, or {language: value} of a metric.
Metrics = dict[str, Metric]
# A suite's results, plain JSON: see `evaluator.Result`.
Report = dict[str, typing.Any]


def table(result: Report) -> str:
  """A suite's results as aligned columns, the best language first, groups and the average last."""
  *languages, average = rows(result)
  totals = [*group_rows(result), average]
  return aligned([["language", *metric_names(result)], *languages], totals, notes(result))


def named_rows(rows: Iterable[Sequence[str]]) -> list[list[str]]:
  """Rows whose first cell is a language: its name stands before its code."""
  return [[named(first), *others] for first, *others in rows]


def aligned(
  grid: Sequence[Sequence[str]], totals: Sequence[Sequence[str]], notes: Iterable[str] = ()
) -> str:
  """Columns of one width each, a head first, a line above the totals, and notes below.

  The first column has codes of languages, with their names where a terminal is wide enough.
  """
  head, *rows = grid
  # The code stays the first word of a line, for scripts that read it.
  named_grid = [head, *([f"{first} {name_of(first) or ''}", *others] for first, *others in rows)]
  with_names = _lines(named_grid, totals)
  lines = with_names if len(with_names[0]) <= TERMINAL else _lines(grid, totals)
  return "\n".join([*lines, *notes])


def _lines(grid: Sequence[Sequence[str]], totals: Sequence[Sequence[str]]) -> list[str]:
  all_rows = [*grid, *totals]
  widths = [max(map(len, column)) for column in zip(*all_rows, strict=True)]
  lines = []
  for first, *others in all_rows:
    cells = [first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]
    lines.append("  ".join(cells))
  lines.insert(len(grid), "-" * len(lines[0]))
  return lines


def metric_names(result: Report) -> list[str]:
  """The metrics' names: the count first, and last the main one, which a suite puts first."""
  names = {}
  for row in result["results"].values():
    names.update(dict.fromkeys(row))
  main, *others = names
  return [*sorted(others, key=lambda name: name != "pairs"), main]


def main_metric(result: Report) -> str:
  """The name of the suite's main metric."""
  return metric_names(result)[-1]


def main_values(result: Report) -> Metrics:
  """{language: value} of the suite's main metric, as numbers or with their intervals."""
  metric = main_metric(result)
  return {name: row[metric] for name, row in result["results"].items() if metric in row}


def best_first(values: Mapping[str, Metric], metric: str) -> list[str]:
  """The names of {name: value}, the best first; equal ones come in the order of their names."""
  sign = 1 if metric in LOWER_IS_BETTER else -1
  return sorted(values, key=lambda name: (sign * number(values[name]), name))


def rows(result: Report) -> list[list[str]]:
  """The table's cells: [language, metric, ...], the best language first and the average last."""
  metrics = metric_names(result)
  values = result["results"]
  main = {language: row.get(metrics[-1], 0) for language, row in values.items()}
  lines = [_cells(name, values[name], metrics) for name in best_first(main, metrics[-1])]
  return [*lines, _cells("average", result["average"], metrics)]


def group_rows(result: Report) -> list[list[str]]:
  """The same cells of groups of languages, their number in brackets, where a suite has groups."""
  metrics = metric_names(result)
  return [_cells(_group(name, one), one, metrics) for name, one in _groups(result)]


def _cells(name: str, row: Metrics, metrics: Iterable[str]) -> list[str]:
  return [name, *(metric_text(row.get(metric)) for metric in metrics)]


def _groups(result: Report) -> Iterable[tuple[str, Metrics]]:
  """The groups of languages of a suite, as (name, average)."""
  return result.get("groups", {}).items()


def _group(name: str, average: Metrics) -> str:
  return f"group {name} ({average['languages']})"


def side_by_side(
  results: Mapping[str, Report], published: Mapping[str, "Published"]
) -> tuple[list[str], list[list[str]], list[list[str]]]:
  """Returns (head, rows, totals) of the main metric: a column a model, then a column a publication.

  `results` is {model: a suite's report}, `published` what `comparison.read_published` gives. The
  best language of the first model stands first; the totals are its groups and the average.
  """
  first = next(iter(results.values()))
  metric = main_metric(first)
  head = ["language", *results, *(f"{name} (published)" for name in published)]
  columns: list[Mapping[str, Metric | str | None]] = []
  for result in results.values():
    columns.append(_column(result, metric))
  for one in published.values():
    columns.append(one["results"] | {"average": _average(one, len(first["results"]))})

  def line(name: str) -> list[str]:
    return [name, *(metric_text(column.get(name)) for column in columns)]

  lines = [line(name) for name in best_first(main_values(first), metric)]
  totals = [line(_group(name, one)) for name, one in _groups(first)]
  return head, lines, [*totals, line("average")]


def _column(result: Report, metric: str) -> Metrics:
  """{row's name: value} of one model: its languages, its average and its groups."""
  column = main_values(result) | {"average": result["average"][metric]}
  for name, one in _groups(result):
    column[_group(name, one)] = one[metric]
  return column


def _average(published: "Published", count: int) -> Metric | str | None:
  """A published average, with its number of languages where that is not `count`."""
  average = published.get("average")
  languages = published.get("languages")
  if average is None or languages in (None, count):
    return average
  return f"{metric_text(average)} (of {languages})"


def notes(result: Report) -> list[str]:
  """Lines that say what was left out, and on what languages were scored where a suite says so."""
  return [*left_out(result), *scored_on(result)]


def scored_on(result: Report) -> list[str]:
  """Lines that name the languages that were scored on each part of the data."""
  parts: dict[str, list[str]] = {}
  for language, part in result.get("scored on", {}).items():
    parts.setdefault(part, []).append(language)
  lines = []
  for part, languages in parts.items():
    lines.append(f"scored on {part}: {', '.join(languages)}")
  return lines


def left_out(result: Report) -> list[str]:
  """A line that names the languages that were skipped, where there are any."""
  skipped = result.get("skipped")
  if not skipped:
    return []
  named = ", ".join(f"{name} ({count})" for name, count in skipped.items())
  return [f"left out, with too few pairs: {named}"]


def number(value: Metric) -> float:
  """The number of a metric that may carry an interval."""
  return value["value"] if isinstance(value, dict) else value


def metric_text(value: Metric | str | None) -> str:
  """A metric as people read it: three places, a count, or nothing."""
  if isinstance(value, dict):
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"
  if isinstance(value, float):
    return f"{value:.3f}"
  return "" if value is None else str(value)
