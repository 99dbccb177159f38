"""The page of a calibration: precision over pairs, and the scores of pairs and of decoys."""

from matplotlib.figure import Figure
import numpy as np

from labse_jax.mining.calibration import Calibration
from labse_jax.pages import html, plots


def page_of(found: Calibration, lowest: float, precision: float, title: str) -> str:
  """The HTML page of a Calibration and of the threshold `lowest`, chosen for `precision`.

  `lowest` is -inf where no threshold is sure to reach the precision.
  """
  pairs = int((found.score_P >= lowest).sum())
  decoys = sum(map(len, found.decoys))  # Of both sides.
  tiles = [
    (f"{pairs:,}", "pairs written"),
    (f"{lowest:.4f}" if np.isfinite(lowest) else "none", "threshold"),
    (f"{found.precision_P[pairs - 1]:.4f}", "estimated precision"),
    (f"{precision:g}", "precision asked for"),
    (f"{decoys:,}", "decoys"),
  ]
  return html.render(
    "calibration.html",
    title=title,
    tiles=tiles,
    precisions=plots.both_widths(precision_chart, found, pairs, precision),
    scores=plots.both_widths(score_chart, found, lowest),
    thresholds=html.Table(["estimated precision", "threshold", "pairs"], rows(found)),
  )


def rows(found: Calibration) -> list[list[str]]:
  """Cells for some precisions: the lowest score that is estimated to reach it, and the pairs."""
  result = []
  for precision in (0.99, 0.98, 0.95, 0.9, 0.8, 0.5):
    pairs = int((found.precision_P >= precision).sum())
    if pairs:
      result.append([f"{precision:.2f}", f"{found.score_P[pairs - 1]:.4f}", f"{pairs:,}"])
  return result


def precision_chart(
  found: Calibration, pairs: int, precision: float, *, width: float = plots.WIDTH
) -> bytes:
  """The estimated precision over the number of pairs, as a PNG, with the chosen point."""
  figure = Figure(figsize=(width, 3.2), layout="constrained")
  axes = figure.add_subplot()
  axes.plot(np.arange(1, len(found.precision_P) + 1), found.precision_P, color=plots.ACCENT)
  axes.plot([pairs], [found.precision_P[pairs - 1]], "o", color=plots.INK)
  axes.axhline(precision, color=plots.QUIET, linewidth=0.8, linestyle=":")
  axes.set_ylim(0, 1.03)
  axes.set_xlabel("pairs", fontsize=9, color=plots.QUIET)
  axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
  plots.quiet(axes, "y")
  return plots.png(figure)


def score_chart(found: Calibration, lowest: float, *, width: float = plots.WIDTH) -> bytes:
  """Histograms of the scores, as a PNG, with the chosen threshold."""
  figure = Figure(figsize=(width, 3.2), layout="constrained")
  axes = figure.add_subplot()
  decoys = np.concatenate(found.decoys)
  both = [found.score_P, decoys[np.isfinite(decoys)]]  # -inf is a decoy that found nothing.
  every_score = np.concatenate(both)
  bins = np.linspace(every_score.min(), every_score.max(), 60).tolist()
  for scores, colour, label in zip(both, plots.MORE, ("mined pairs", "decoys"), strict=False):
    axes.hist(scores, bins, color=colour, alpha=0.55, label=label)
  if np.isfinite(lowest):
    axes.axvline(lowest, color=plots.INK, linewidth=1)
  axes.legend(frameon=False, fontsize=9, labelcolor=plots.QUIET)
  axes.set_xlabel("margin score", fontsize=9, color=plots.QUIET)
  plots.quiet(axes, "y")
  return plots.png(figure)
