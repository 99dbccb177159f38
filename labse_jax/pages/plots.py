"""The charts of a report, each from arrays to the bytes of a PNG.

Only numbers, names in Latin letters and codes are drawn: matplotlib's fonts lack most scripts, and
a page does not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import io
import math
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
import numpy as np

from labse_jax.evaluation.result_table import LOWER_IS_BETTER, best_first, number

ACCENT = "#0b7285"
INK = "#1d2529"
QUIET = "#647078"
LINE = "#e3e8ea"
PALE = "#a9ccd3"
MORE = [ACCENT, "#c2703d", "#6b6fa8", "#7d8a2e"]  # Only where one panel holds several curves.
GROUPS = [*MORE, "#a23b5c", "#3f7d3a"]
MARKS = "ovs^"
WIDTH = 10.4  # Inches; the page shows them as its own width.
NARROW = 4.7  # The same on a phone, where there is one column; so wide, the writing is as large.
ROWS_IN_A_COLUMN = 38

Value = float | dict[str, float]  # A number, or {value, low, high}.
Panels = dict[str, dict[str, tuple[list[int], list[float]]]]  # {title: {label: (steps, values)}}


class Chart(NamedTuple):
  """A chart as the bytes of two PNGs, for a wide screen and for a narrow one."""

  wide: bytes
  narrow: bytes


def both_widths(draw: Callable[..., bytes], *args: object, **options: object) -> Chart:
  """The Chart that a function of this module draws."""
  return Chart(draw(*args, **options), draw(*args, **options, width=NARROW))


def curves(panels: Panels, borders: Sequence[int] = (), *, width: float = WIDTH) -> bytes:
  """Small charts over steps, two a line or one; `panels` is {title: {label: (steps, values)}}.

  `borders` are steps to mark in each.
  """
  columns = 1 if width == NARROW else min(2, len(panels))
  lines = math.ceil(len(panels) / columns)
  layout = ConstrainedLayoutEngine(hspace=0.06, wspace=0.04)
  figure = Figure(figsize=(width, 2.6 * lines), layout=layout)
  last = 1  # All panels share one scale of steps.
  for series in panels.values():
    for steps, _ in series.values():
      last = max(last, *steps)
  for place, (title, series) in enumerate(panels.items(), 1):
    axes = figure.add_subplot(lines, columns, place)
    for colour, (label, (steps, values)) in zip(MORE, series.items(), strict=False):
      _curve(axes, np.asarray(steps), np.asarray(values, float), colour, plain(label))
    for border in borders:
      axes.axvline(border, color=QUIET, linewidth=0.8, linestyle=":")
    axes.set_title(plain(title), loc="left", fontsize=10, color=INK)
    axes.set_xlim(0, last * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    if len(series) > 1:
      axes.legend(frameon=False, fontsize=8, labelcolor=QUIET)
    quiet(axes, "y")
  return png(figure)


def _curve(axes: Axes, steps: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
  """A curve; one that goes up and down all the time is drawn pale, with its mean on top."""
  restless = np.abs(np.diff(values)).sum() > 3 * np.ptp(values)
  if len(values) < 60 or not restless:
    dots = "o" if len(values) < 25 else None
    axes.plot(steps, values, color=colour, linewidth=1.6, marker=dots, markersize=3, label=label)
    return
  axes.plot(steps, values, color=colour, linewidth=0.7, alpha=0.3)
  axes.plot(steps, smooth(values), color=colour, linewidth=1.7, label=label)


def smooth(values: np.ndarray) -> np.ndarray:
  """The mean over a centred window of a twentieth of the points, cut off at both ends."""
  half = max(1, len(values) // 40)
  total = np.concatenate([[0], np.cumsum(values)])
  middle = np.arange(len(values))
  begin = np.maximum(middle - half, 0)
  end = np.minimum(middle + half + 1, len(values))
  return (total[end] - total[begin]) / (end - begin)


def bars(values: Mapping[str, Value], *, metric: str, width: float = WIDTH) -> bytes:
  """Horizontal bars of {name: value or {value, low, high}}, the best first, the interval on top."""
  figure = Figure(layout="constrained")
  low, high = _limits(values.values(), metric)
  for axes, names in _columns(figure, best_first(values, metric), metric, width):
    _bar_column(axes, {name: values[name] for name in names})
    axes.set_xlim(low * 1.13, high * 1.13)
  return png(figure)


def dots(series: Mapping[str, Mapping[str, Value]], *, metric: str, width: float = WIDTH) -> bytes:
  """Dots of {label: {name: value or {value, low, high}}}, a row for each name; lines are intervals.

  The first label's best name is on top.
  """
  figure = Figure(layout="constrained")
  every_value: list[Value] = []
  for values in series.values():
    every_value += values.values()
  low, high = _limits(every_value, metric)
  margin = 0.04 * (high - low)
  # The labels' dots of one row lie a little above each other, so that none hides another.
  shift = np.linspace(-0.2, 0.2, len(series)) if len(series) > 1 else [0]
  first = next(iter(series.values()))
  for axes, names in _columns(figure, best_first(first, metric), metric, width):
    for place, (label, values) in enumerate(series.items()):
      colour = MORE[place % len(MORE)]
      mark = MARKS[place % len(MARKS)]
      _dot_series(axes, names, values, shift[place], colour, mark, plain(label))
    _name_rows(axes, names)
    axes.set_xlim(low - margin, high + margin)
  figure.legend(
    *figure.axes[0].get_legend_handles_labels(),
    loc="outside upper left",
    ncols=1 if width == NARROW and len(series) > 2 else 4,  # Names of models may be long.
    frameon=False,
    fontsize=9,
    labelcolor=QUIET,
  )
  return png(figure)


def _dot_series(
  axes: Axes,
  names: Sequence[str],
  values: Mapping[str, Value],
  down: float,
  colour: str,
  mark: str,
  label: str,
) -> None:
  x = []
  for row, name in enumerate(names):
    value = values.get(name)
    x.append(np.nan if value is None else number(value))
    if isinstance(value, dict):
      ends = [value["low"], value["high"]]
      axes.plot(ends, [row + down] * 2, color=colour, linewidth=1.2)
  axes.plot(x, np.arange(len(names)) + down, mark, color=colour, markersize=4, label=label)


def _limits(values: Iterable[Value], metric: str) -> tuple[float, float]:
  """The ends of a scale: a fraction's are 0 and 1, but errors need not reach 1."""
  low = 0.0
  high = 1e-3 if metric in LOWER_IS_BETTER else 1.0
  for value in values:
    ends = (value["low"], value["high"]) if isinstance(value, dict) else (value,)
    low = min(low, *ends)
    high = max(high, *ends)
  return low, high


def _columns(
  figure: Figure, order: Sequence[str], metric: str, width: float
) -> Iterator[tuple[Axes, Sequence[str]]]:
  """Yields (axes, names) of as many columns as the rows need; makes the figure as high as they."""
  columns = 1 if width == NARROW else math.ceil(len(order) / ROWS_IN_A_COLUMN)
  rows = math.ceil(len(order) / columns)
  figure.set_size_inches(width, max(1.4, 0.19 * rows + 0.7))
  for column in range(columns):
    axes = figure.add_subplot(1, columns, column + 1)
    axes.set_ylim(rows - 0.4, -0.6)  # The columns share one scale of rows.
    axes.set_xlabel(plain(metric), fontsize=9, color=QUIET)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    yield axes, order[column * rows : (column + 1) * rows]


def _bar_column(axes: Axes, values: Mapping[str, Value]) -> None:
  rows = np.arange(len(values))
  width = [number(value) for value in values.values()]
  axes.barh(rows, width, height=0.68, color=PALE)
  for row, value in enumerate(values.values()):
    end = value["high"] if isinstance(value, dict) else value
    if isinstance(value, dict):
      axes.plot([value["low"], end], [row, row], color=ACCENT, linewidth=1.8)
    axes.annotate(
      f"{number(value):.2f}",
      (max(end, 0), row),
      (4, 0),
      textcoords="offset points",
      va="center",
      fontsize=8,
      color=INK,
    )
  _name_rows(axes, list(values))


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
  axes.set_yticks(range(len(names)), [plain(name) for name in names], fontsize=8.5)
  quiet(axes, "x")
  axes.tick_params(axis="y", length=0, labelcolor=INK)


def projection(
  points_N2: np.ndarray,
  group_N: Sequence[int],
  label_N: Sequence[str],
  *,
  share_2: Sequence[float] | np.ndarray,
  width: float = WIDTH,
) -> bytes:
  """Labelled points on a plane, each group in a colour, with its number (from 1) at its middle."""
  figure = Figure(figsize=(width, 6.4), layout="constrained")
  axes = figure.add_subplot()
  for group in np.unique(group_N):
    here_N = np.asarray(group_N) == group
    colour = GROUPS[group % len(GROUPS)]
    axes.plot(*points_N2[here_N].T, "o", color=colour, markersize=5, alpha=0.75)
    middle_2 = np.median(points_N2[here_N], axis=0)
    axes.text(
      middle_2[0], middle_2[1], str(group + 1), fontsize=17, color=colour, weight="bold", alpha=0.55
    )
  for point_2, group, label in zip(points_N2, group_N, label_N, strict=True):
    axes.annotate(
      plain(label),
      point_2,
      (3, 2),
      textcoords="offset points",
      fontsize=6.5,
      color=GROUPS[group % len(GROUPS)],
    )
  across, up = share_2
  axes.set_xlabel(f"{across:.0%} of the variance", fontsize=9, color=QUIET)
  axes.set_ylabel(f"{up:.0%} of the variance", fontsize=9, color=QUIET)
  quiet(axes, "both")
  return png(figure)


def heat_map(
  s_BB: np.ndarray,
  *,
  down: str,
  across: str,
  names: Sequence[str] | None = None,
  width: float = 6.2,
) -> bytes:
  """A square of similarities with its numbers, rows and columns named, or counted from 1."""
  figure = Figure(figsize=(width, width - 0.3), layout="constrained")
  axes = figure.add_subplot()
  stops = [(0, "#ffffff"), (0.5, "#c3dde2"), (0.85, ACCENT), (1, "#075161")]
  colours = LinearSegmentedColormap.from_list("accent", stops)
  axes.imshow(s_BB, cmap=colours)
  # Numbers are white where the square behind them is dark.
  dark = np.min(s_BB) + 0.78 * np.ptp(s_BB)
  for row, column in np.ndindex(s_BB.shape):
    value = s_BB[row, column]
    text = f"{value:z.2f}".replace("0.", ".", 1)
    colour = "white" if value > dark else INK
    size = min(8, 22 * width / len(s_BB))  # So that numbers of many columns do not touch.
    axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
  ticks = np.arange(len(s_BB))
  labels = [str(tick + 1) for tick in ticks]
  fontsize = 9.0
  rotation = 0
  if names is not None:
    labels = [plain(name) for name in names]
    fontsize = 7.5
    rotation = 90  # A code with a script is longer than its column is wide.
  axes.set_xticks(ticks, labels, fontsize=fontsize, rotation=rotation)
  axes.set_yticks(ticks, labels, fontsize=fontsize)
  axes.set_xlabel(plain(across), fontsize=9.5, color=QUIET)
  axes.set_ylabel(plain(down), fontsize=9.5, color=QUIET)
  axes.xaxis.set_label_position("top")
  axes.tick_params(length=0, labeltop=True, labelbottom=False, labelcolor=QUIET)
  axes.spines[:].set_visible(False)
  return png(figure)


def plain(text: str) -> str:
  """A label that matplotlib's fonts can draw: other scripts become "?", and $ is itself."""
  return text.encode("latin-1", "replace").decode("latin-1").replace("$", r"\$")


def quiet(axes: Axes, grid: Literal["x", "y", "both"]) -> None:
  """Leaves of the frame only the line below, and draws a pale grid along the axis `grid`."""
  axes.spines[["top", "right", "left"]].set_visible(False)
  axes.spines["bottom"].set_color(LINE)
  axes.grid(axis=grid, color=LINE, linewidth=0.8)
  axes.set_axisbelow(True)
  axes.tick_params(labelsize=8.5, labelcolor=QUIET, length=0)


def png(figure: Figure) -> bytes:
  """A figure as the bytes of a PNG, the same for the same figure."""
  file = io.BytesIO()
  figure.savefig(file, format="png", dpi=170, metadata={"Software": None})
  return file.getvalue()
