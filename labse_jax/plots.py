"""The charts of a report, each from arrays to the bytes of a PNG.

Only numbers and short codes are drawn: matplotlib's fonts lack most scripts, and a page does not.
"""

import io
import math

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
import numpy as np

from labse_jax.evaluate import number

ACCENT, INK, QUIET, LINE, PALE = "#0b7285", "#1d2529", "#647078", "#e3e8ea", "#a9ccd3"
MORE = [ACCENT, "#c2703d", "#6b6fa8", "#7d8a2e"]  # Only where one panel holds several curves.
WIDTH = 10.4  # Inches; the page shows them as its own width.
ROWS_IN_A_COLUMN = 38


def curves(panels, borders=()):
  """Small charts over steps, two a line; `panels` is {title: {label: (steps, values)}}.

  `borders` are steps to mark in each.
  """
  lines = math.ceil(len(panels) / 2)
  figure = Figure(figsize=(WIDTH, 2.6 * lines), layout="constrained")
  figure.get_layout_engine().set(hspace=0.06, wspace=0.04)
  last = max(max(steps) for series in panels.values() for steps, _ in series.values())
  for place, (title, series) in enumerate(panels.items(), 1):
    axes = figure.add_subplot(lines, min(2, len(panels)), place)
    for colour, (label, (steps, values)) in zip(MORE, series.items(), strict=False):
      _curve(axes, np.asarray(steps), np.asarray(values, float), colour, plain(label))
    for border in borders:
      axes.axvline(border, color=QUIET, linewidth=0.8, linestyle=":")
    axes.set_title(plain(title), loc="left", fontsize=10, color=INK)
    axes.set_xlim(0, max(1, last) * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    if len(series) > 1:
      axes.legend(frameon=False, fontsize=8, labelcolor=QUIET)
    _quiet(axes, "y")
  return _png(figure)


def _curve(axes, steps, values, colour, label):
  restless = np.abs(np.diff(values)).sum() > 3 * np.ptp(values)
  if len(values) < 60 or not restless:
    dots = "o" if len(values) < 25 else None
    axes.plot(steps, values, color=colour, linewidth=1.6, marker=dots, markersize=3, label=label)
    return
  axes.plot(steps, values, color=colour, linewidth=0.7, alpha=0.3)
  axes.plot(steps, smooth(values), color=colour, linewidth=1.7, label=label)


def smooth(values):
  """The mean over a centred window of a twentieth of the points, cut off at both ends."""
  half = max(1, len(values) // 40)
  total = np.concatenate([[0], np.cumsum(values)])
  middle = np.arange(len(values))
  begin, end = np.maximum(middle - half, 0), np.minimum(middle + half + 1, len(values))
  return (total[end] - total[begin]) / (end - begin)


def bars(values, *, metric):
  """Horizontal bars of {name: value or {value, low, high}}, the best first, the interval on top."""
  order = sorted(values, key=lambda name: (-number(values[name]), name))
  columns = math.ceil(len(order) / ROWS_IN_A_COLUMN)
  rows = math.ceil(len(order) / columns)
  figure = Figure(figsize=(WIDTH, max(1.4, 0.19 * rows + 0.7)), layout="constrained")
  top = max(1.0, *(number(value) for value in values.values()))
  for column in range(columns):
    names = order[column * rows : (column + 1) * rows]
    axes = figure.add_subplot(1, columns, column + 1)
    _bar_column(axes, {name: values[name] for name in names})
    axes.set_xlim(0, top * 1.13)
    axes.set_ylim(rows - 0.4, -0.6)  # The columns share one scale of rows.
    axes.set_xlabel(plain(metric), fontsize=9, color=QUIET)
    axes.xaxis.set_major_locator(MaxNLocator(5))
  return _png(figure)


def _bar_column(axes, values):
  rows = np.arange(len(values))
  width = [number(value) for value in values.values()]
  axes.barh(rows, width, height=0.68, color=PALE)
  for row, value in enumerate(values.values()):
    if isinstance(value, dict):
      axes.plot([value["low"], value["high"]], [row, row], color=ACCENT, linewidth=1.8)
    end = value["high"] if isinstance(value, dict) else value
    axes.text(end + 0.012, row, f"{number(value):.2f}", va="center", fontsize=8, color=INK)
  axes.set_yticks(rows, [plain(name) for name in values], fontsize=8.5)
  _quiet(axes, "x")
  axes.tick_params(axis="y", length=0, labelcolor=INK)


def heat_map(s_BB, *, down, across):
  """A square of similarities with its numbers, rows and columns counted from 1."""
  count = len(s_BB)
  figure = Figure(figsize=(6.2, 5.9), layout="constrained")
  axes = figure.add_subplot()
  stops = [(0, "#ffffff"), (0.5, "#c3dde2"), (0.85, ACCENT), (1, "#075161")]
  colours = LinearSegmentedColormap.from_list("accent", stops)
  axes.imshow(s_BB, cmap=colours)
  dark = np.min(s_BB) + 0.68 * np.ptp(s_BB)
  for row, column in np.ndindex(s_BB.shape):
    value = s_BB[row, column]
    text = f"{value:z.2f}".replace("0.", ".", 1)
    colour = "white" if value > dark else INK
    axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
  ticks = np.arange(count)
  axes.set_xticks(ticks, ticks + 1, fontsize=9)
  axes.set_yticks(ticks, ticks + 1, fontsize=9)
  axes.set_xlabel(plain(across), fontsize=9.5, color=QUIET)
  axes.set_ylabel(plain(down), fontsize=9.5, color=QUIET)
  axes.xaxis.set_label_position("top")
  axes.tick_params(length=0, labeltop=True, labelbottom=False, labelcolor=QUIET)
  axes.spines[:].set_visible(False)
  return _png(figure)


def plain(text):
  """A label that matplotlib's fonts can draw: other scripts become "?", and $ is no formula."""
  return str(text).encode("ascii", "replace").decode("ascii").replace("$", r"\$")


def _quiet(axes, grid):
  axes.spines[["top", "right", "left"]].set_visible(False)
  axes.spines["bottom"].set_color(LINE)
  axes.grid(axis=grid, color=LINE, linewidth=0.8)
  axes.set_axisbelow(True)
  axes.tick_params(labelsize=8.5, labelcolor=QUIET, length=0)


def _png(figure):
  file = io.BytesIO()
  figure.savefig(file, format="png", dpi=170, metadata={"Software": None})
  return file.getvalue()
