"""The charts that pages share, by what they draw."""

import numpy as np
import pytest

from labse_jax.pages import plots


@pytest.fixture
def drawn(monkeypatch):
  """drawn(function, ...) -> the figure instead of its PNG."""
  figures = []
  monkeypatch.setattr(plots, "png", figures.append)

  def draw(function, *args, **options):
    function(*args, **options)
    return figures.pop()

  return draw


def names(axes):
  return [text.get_text() for text in axes.get_yticklabels()]


@pytest.mark.parametrize("metric, order", [("accuracy", ["b", "a"]), ("error", ["a", "b"])])
def test_the_best_is_on_top_and_errors_fill_the_scale(drawn, metric, order):
  values = {"a": 0.02, "b": {"value": 0.03, "low": 0.01, "high": 0.05}}
  (axes,) = drawn(plots.bars, values, metric=metric).axes
  assert names(axes) == order
  assert axes.get_xlim()[1] == pytest.approx(1.13 * (0.05 if metric == "error" else 1))


def test_correlations_below_zero_are_on_the_scale(drawn):
  (axes,) = drawn(plots.bars, {"a": -0.5, "b": 0.5}, metric="spearman").axes
  assert axes.get_xlim()[0] < -0.5


def test_dots_stand_in_the_row_of_their_name(drawn):
  series = {"m": {"a": 0.2, "b": {"value": 0.6, "low": 0.5, "high": 0.7}}, "n": {"a": 0.9}}
  (axes,) = drawn(plots.dots, series, metric="accuracy").axes
  assert names(axes) == ["b", "a"]
  lines = {line.get_label(): line for line in axes.lines}
  np.testing.assert_array_equal(lines["m"].get_xdata(), [0.6, 0.2])
  np.testing.assert_array_equal(lines["n"].get_xdata(), [np.nan, 0.9])
  for label in "mn":
    assert lines[label].get_ydata().round().tolist() == [0, 1]
  (interval,) = [line for line in axes.lines if list(line.get_xdata()) == [0.5, 0.7]]
  assert interval.get_ydata()[0] == lines["m"].get_ydata()[0]


def test_a_projection_labels_its_points_and_numbers_its_groups(drawn):
  points = np.array([[0, 0], [1, 1], [5, 5]])
  figure = drawn(plots.projection, points, [0, 0, 1], ["fra", "日本", "deu"], share_2=[0.5, 0.25])
  (axes,) = figure.axes
  assert [text.get_text() for text in axes.texts] == ["1", "2", "fra", "??", "deu"]
  assert axes.get_xlabel() == "50% of the variance" and axes.get_ylabel().startswith("25%")


def test_a_heat_map_names_its_rows(drawn):
  (axes,) = drawn(plots.heat_map, np.eye(2), down="d", across="a", names=["fra", "deu"]).axes
  assert names(axes) == ["fra", "deu"]
  (axes,) = drawn(plots.heat_map, np.eye(2), down="d", across="a").axes
  assert names(axes) == ["1", "2"]


def test_a_narrow_chart_has_one_column(drawn):
  values = {f"l{n}": n / 200 for n in range(112)}
  figure = drawn(plots.bars, values, metric="accuracy", width=plots.NARROW)
  (axes,) = figure.axes
  assert len(names(axes)) == 112 and figure.get_figwidth() == plots.NARROW
  panels = {name: {"a": ([1, 2], [1.0, 2.0])} for name in "xyz"}
  wide, narrow = (
    [axes.get_position().x0 for axes in drawn(plots.curves, panels, width=width).axes]
    for width in (plots.WIDTH, plots.NARROW)
  )
  assert np.ptp(wide) > 0.3 and np.ptp(narrow) < 0.1


def test_a_chart_has_both_widths(drawn):
  widths = []

  def draw(value, *, colour, width=plots.WIDTH):
    widths.append(width)
    return f"{value} {colour}".encode()

  assert plots.both_widths(draw, 1, colour="red") == plots.Chart(b"1 red", b"1 red")
  assert widths == [plots.WIDTH, plots.NARROW]


def test_names_of_latin_letters_are_drawn():
  assert plots.plain("Norwegian Bokmål (nob) 日本 $") == r"Norwegian Bokmål (nob) ?? \$"


def test_a_hundred_languages_stay_legible(drawn):
  values = {f"l{n}": {"value": n / 200, "low": 0.0, "high": n / 100} for n in range(112)}
  figure = drawn(plots.bars, values, metric="accuracy")
  shown = [name for axes in figure.axes for name in names(axes)]
  assert shown == [f"l{place}" for place in reversed(range(112))]
  inches_a_row = figure.get_figheight() / max(len(axes.patches) for axes in figure.axes)
  assert inches_a_row >= 0.19 and figure.get_figheight() < 9


@pytest.mark.filterwarnings("error:Glyph")
def test_a_chart_never_draws_a_glyph_its_font_lacks():
  assert plots.plain("ไทย $x$") == r"??? \$x\$"
  assert plots.bars({"ไทย": 0.5, "$\\frac$": 0.2}, metric="正確").startswith(b"\x89PNG")
  assert plots.curves({"損失": {"ไทย": ([1], [2.0]), "b": ([1], [3.0])}}).startswith(b"\x89PNG")


def test_smoothing_is_a_mean_over_a_window():
  assert plots.smooth(np.full(200, 3.0)) == pytest.approx(3)
  values = np.arange(200.0)
  assert plots.smooth(values)[100] == 100 and plots.smooth(values)[0] == np.mean(values[:6])
