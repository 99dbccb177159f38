"""Monotone alignment of the sentences of two documents (Vecalign: Thompson and Koehn 2019).

A document of N sentences is Texts: vectors_KND[k, i] is the unit vector of the k + 1 sentences that
end with sentence i, joined. Where there are fewer, all of them up to i are joined.

An alignment is a path over points. Point (i, j) lies behind the first i sentences of the source and
the first j of the target, on the diagonal i + j. A step (n, m) pairs n sentences of the source with
m of the target; it leads from point (i - n, j - m) to point (i, j), n + m diagonals on:

         j = 0   1   2   3
    i = 0    0   1   2   3    Each number is the diagonal of its point. A path leads from the top
    i = 1    1   2   3   4    left to the bottom right. The step (1, 1) to (2, 3), on diagonal 5,
    i = 2    2   3   4   5    comes from (1, 2), on diagonal 3.

Costs and totals are stored by diagonal: row A, and column W for the point with j = low_A[A] + W and
i = A - j. All points of a diagonal are computed at once. Dimensions: T steps, P points, and C
diagonals that are computed together.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from labse_jax.mining.alignment_costs import Band, Lengths, Prices, Step, costs, prices_of, weight
from labse_jax.mining.joined_texts import Texts, encoded
from labse_jax.neighbours.unit_vectors import unit

EXACT = 1000  # Up to so many sentences, of both documents together, every point is looked at.
RUN = 4  # Up to so many sentences without a partner are one step, which pays once for the run.
REACH = 12  # Points on either side of a coarse path that are looked at in longer documents.


class Link(NamedTuple):
  """Sentences that are translations of each other; in a skip, one side is empty.

  The score is 1 for equal vectors and 0 for a pair as distant as chance ones, less where lengths do
  not agree; None for a skip.
  """

  source: tuple[int, ...]
  target: tuple[int, ...]
  score: float | None


def align(x: Texts, y: Texts, lengths: Lengths | None = None, *, largest: int = 4) -> list[Link]:
  """Returns the Links of least total cost, in order, with at most `largest` sentences in each.

  `x` and `y` are Texts of at least largest - 1 sentences. `lengths` are the characters of the
  sentences, ([N], [M]). Distances grow where lengths do not agree, since vectors often cannot tell
  to which neighbour a part of a sentence belongs (the idea of Gale and Church 1993, CL 19:75;
  Vecalign does without). Documents of more than EXACT sentences are first aligned at half the
  length, without lengths, and then only near that path, so that time and memory are linear.
  """
  band = _band(x, y)
  steps = steps_up_to(largest)
  prices = prices_of(x.vectors_KND[0], y.vectors_KND[0])
  total_AW, step_AW = _least(costs(x, y, lengths, steps, band, prices), steps, band)
  return _traced(total_AW, step_AW, steps, band, prices)


def excess(
  x: Texts, y: Texts, lengths: Lengths | None, *, largest: int, most: float
) -> tuple[np.ndarray, np.ndarray]:
  """How much more than the least the cheapest path through each text costs: [K, N] twice.

  Such a path is the cheapest way to a pair with the text, the pair, and the cheapest way from there
  to the end. What is over `most` is infinite.
  """
  band = _band(x, y)
  steps = steps_up_to(largest)
  prices = prices_of(x.vectors_KND[0], y.vectors_KND[0])
  total_AW, _ = _least(costs(x, y, lengths, steps, band, prices), steps, band)
  least = total_AW[-1, band.sizes[1] - band.low_A[-1]]
  backwards = costs(x, y, lengths, steps, band, prices, backwards=True)
  x_KN = np.full(x.usable_KN.shape, np.inf)
  y_KM = np.full(y.usable_KN.shape, np.inf)
  for diagonal, whole_TW in _whole_paths(total_AW, backwards, steps, band):
    excess_TW = whole_TW - least
    near_TW = excess_TW <= most
    i_W, j_W = band.points(diagonal)
    for number in np.flatnonzero(near_TW.any(1)):  # Few, of long documents.
      n, m = steps[number]
      if n and m:
        near_W = near_TW[number]
        excess_P = excess_TW[number, near_W]
        for excess_KN, size, place_W in ((x_KN, n, i_W), (y_KM, m, j_W)):
          place_P = place_W[near_W] - 1  # No place stands twice on a diagonal.
          excess_KN[size - 1, place_P] = np.minimum(excess_KN[size - 1, place_P], excess_P)
  return x_KN, y_KM


def steps_up_to(largest: int) -> list[Step]:
  """Lists the steps (n, m), n source and m target sentences: first the pairs, then the skips."""
  steps: list[Step] = []
  for total in range(2, largest + 1):
    steps += [(n, total - n) for n in range(1, total)]
  for count in range(1, RUN + 1):
    steps += [(count, 0), (0, count)]
  return steps


def _band(x: Texts, y: Texts) -> Band:
  """The points that are looked at: all of them; in long documents, those near a coarse path."""
  sizes = (x.vectors_KND.shape[1], y.vectors_KND.shape[1])
  if sum(sizes) <= EXACT:
    anchors: list[tuple[int, int]] = []
    reach = max(sizes)  # Far enough for every point.
  else:
    coarse = align(_halved(x.vectors_KND[0]), _halved(y.vectors_KND[0]), largest=2)
    anchors = _doubled(coarse, sizes)
    reach = REACH
  return Band(_centres(anchors, sizes) - reach, 2 * reach + 1, sizes)


def _halved(text_ND: np.ndarray) -> Texts:
  """Texts of one size, the means of two neighbours; an odd last sentence stays."""
  text_ND = np.pad(text_ND, ((0, len(text_ND) % 2), (0, 0)), "edge")
  return encoded(unit(text_ND[0::2] + text_ND[1::2])[None])


def _doubled(links: Iterable[Link], sizes: tuple[int, int]) -> list[tuple[int, int]]:
  """The points behind a coarse path's pairs, in the documents that are twice as long.

  Skips are left out, since their order means nothing: a straight line leads over them.
  """
  points = []
  for link in links:
    if link.score is not None:
      i = 2 * link.source[-1] + 2
      j = 2 * link.target[-1] + 2
      points.append((min(i, sizes[0]), min(j, sizes[1])))  # An odd last has only one half.
  return points


def _centres(anchors: Iterable[tuple[int, int]], sizes: tuple[int, int]) -> np.ndarray:
  """The j of a path through the anchors, at one point on each diagonal."""
  i_P, j_P = np.array([(0, 0), *anchors, sizes]).T
  # 1e-6 more than exact: a slope of 1 could otherwise round to a step of 2.
  return np.floor(np.interp(np.arange(sum(sizes) + 1), i_P + j_P, j_P) + 1e-6).astype(int)


def _least(
  costs: Iterable[np.ndarray], steps: Sequence[Step], band: Band
) -> tuple[np.ndarray, np.ndarray]:
  """The least total cost of each point in the band and the step that it ends with: [A, W] each.

  While they grow, the totals have a margin; see `_with_margin`.
  """
  total_AW, margin = _with_margin(np.full((len(band.low_A), band.width), np.inf), steps)
  step_AW = np.zeros((len(band.low_A), band.width), np.int8)
  total_AW[margin, margin - band.low_A[0]] = 0
  column_W = np.arange(band.width)
  starts_AT = _starts(margin, steps, band)
  for diagonal, cost_TW in enumerate(costs, 1):
    sum_TW = total_AW.take(starts_AT[diagonal, :, None] + column_W) + cost_TW
    step_AW[diagonal] = sum_TW.argmin(0)
    total_AW[margin + diagonal, margin : margin + band.width] = sum_TW.min(0)
  return total_AW[margin:, margin : margin + band.width], step_AW


def _whole_paths(
  total_AW: np.ndarray, backwards: Iterable[np.ndarray], steps: Sequence[Step], band: Band
) -> Iterator[tuple[int, np.ndarray]]:
  """Yields each diagonal, the last one first, and the least cost of a whole path, [T, W].

  That is, of a path from the beginning to the end by each step that ends at each of its points.
  """
  total_AW, margin = _with_margin(total_AW, steps)
  rest_AW = np.full_like(total_AW, np.inf)  # The least cost from a point to the end.
  last = len(band.low_A) - 1
  rest_AW[margin + last, margin + band.sizes[1] - band.low_A[last]] = 0
  column_W = np.arange(band.width)
  starts_AT = _starts(margin, steps, band)
  rest = rest_AW.reshape(-1)  # A view.
  for diagonal, cost_TW in zip(range(last, 0, -1), backwards, strict=True):
    rest_TW = cost_TW + rest_AW[margin + diagonal, margin : margin + band.width]
    for rest_W, start in zip(rest_TW, starts_AT[diagonal].tolist(), strict=True):
      origin_W = rest[start : start + band.width]
      np.minimum(origin_W, rest_W, out=origin_W)
    yield diagonal, total_AW.take(starts_AT[diagonal, :, None] + column_W) + rest_TW


def _with_margin(cost_AW: np.ndarray, steps: Iterable[Step]) -> tuple[np.ndarray, int]:
  """Costs [A, W] inside of infinite ones, so that a step from outside is never the least.

  Returns them with the width of the margin:

        margin     width     margin
      +---------+---------+---------+
      |         |         |         |   margin rows: before the first diagonal
      +---------+---------+---------+
      |         | 0       |         |   diagonal 0, with the beginning (0, 0)
      |         |         |         |   diagonal 1, and so on
  """
  margin = max(n + m for n, m in steps)
  return np.pad(cost_AW, ((margin, 0), (margin, margin)), constant_values=np.inf), margin


def _starts(margin: int, steps: Sequence[Step], band: Band) -> np.ndarray:
  """Where the steps to a diagonal's points come from, in an array with a margin: [A, T].

  Each is the place, in the flat array, of the first of `width` points. A step comes from n + m
  diagonals before. Its j is m less, counted from that diagonal's low.
  """
  n_T, m_T = np.array(steps).T
  before_AT = np.arange(len(band.low_A))[:, None] - n_T - m_T
  column_AT = margin + band.low_A[:, None] - m_T - band.low_A[np.maximum(0, before_AT)]
  return (margin + before_AT) * (band.width + 2 * margin) + column_AT


def _traced(
  total_AW: np.ndarray, step_AW: np.ndarray, steps: Sequence[Step], band: Band, prices: Prices
) -> list[Link]:
  """Follows the least path from its end back to its beginning; returns its Links in order.

  Each sentence of a skip is a Link.
  """

  def stored(i: int, j: int) -> tuple[int, int]:
    """Where a point's values are in the arrays."""
    return i + j, j - band.low_A[i + j]

  links: list[Link] = []
  i, j = band.sizes
  while i or j:
    n, m = step = steps[step_AW[stored(i, j)]]
    source = range(i - n, i)
    target = range(j - m, j)
    if n and m:
      cost = total_AW[stored(i, j)] - total_AW[stored(i - n, j - m)]
      score = 1 - (cost - prices.of(step)) / weight(step)
      links.append(Link(tuple(source), tuple(target), score))
    else:
      links += [Link((place,), (), None) for place in reversed(source)]
      links += [Link((), (place,), None) for place in reversed(target)]
    i -= n
    j -= m
  return links[::-1]
