"""Monotone alignment of the sentences of two documents (Vecalign: Thompson and Koehn 2019).

A document of N sentences is text_KND: text_KND[k, i] is the unit vector of the k + 1 sentences that
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

from typing import NamedTuple

import numpy as np

from labse_jax.base.unit_vectors import unit

EXACT = 1000  # Up to so many sentences, of both documents together, every point is looked at.
REACH = 12  # Points on either side of a coarse path that are looked at in longer documents.
SAMPLE = 500  # Sentences that the cost of a skip is measured on.
SKIP = 1.25  # The cost of a sentence without a partner, as a multiple of a pair's usual distance.
FLOOR = 0.2  # The least cost of such a sentence, in the unit of relative_distances.
ROUNDING = 1e-6  # A smaller cosine distance counts as 0.
# A factor of e between lengths adds this share of a pair's distance. 0.2 to 0.5 did as well.
LENGTH = 0.3
SHORT = 0.1  # Mean sentences that are added to each length: one word more in a heading says little.
DIAGONALS = 64  # The costs of so many diagonals come from one matrix product.


class Link(NamedTuple):
  """Sentences that are translations of each other; in a skip, one side is empty.

  The score is 1 for equal vectors and 0 for a pair as distant as chance ones, less where lengths do
  not agree; None for a skip.
  """

  source: tuple
  target: tuple
  score: float | None


class Band(NamedTuple):
  """The points that are looked at: on diagonal A, `width` of them, from j = low_A[A] on.

  Some may lie outside of the documents, whose numbers of sentences are `sizes`.
  """

  low_A: np.ndarray
  width: int
  sizes: tuple


def align(x_KND, y_KMD, lengths=None, *, largest=4):
  """Returns the Links of least total cost, in order, with at most `largest` sentences in each.

  K is at least largest - 1. `lengths` are the characters of the sentences, ([N], [M]). Distances
  grow where lengths do not agree, since vectors often cannot tell to which neighbour a part of a
  sentence belongs (the idea of Gale and Church 1993, CL 19:75; Vecalign does without). Documents of
  more than EXACT sentences are first aligned at half the length, without lengths, and then only
  near that path, so that time and memory are linear.
  """
  sizes = (x_KND.shape[1], y_KMD.shape[1])
  if sum(sizes) <= EXACT:
    anchors = []
    reach = max(sizes)  # Far enough for every point.
  else:
    coarse = align(_halved(x_KND[0]), _halved(y_KMD[0]), largest=2)
    anchors = _doubled(coarse, sizes)
    reach = REACH
  band = Band(_centres(anchors, sizes) - reach, 2 * reach + 1, sizes)
  steps = steps_up_to(largest)
  costs = _costs(x_KND, y_KMD, lengths, steps, band)
  total_AW, step_AW = _least(costs, steps, band)
  return _traced(total_AW, step_AW, steps, band)


def steps_up_to(largest):
  """Lists the steps (n, m), n source and m target sentences: first the pairs, then both skips."""
  steps = []
  for total in range(2, largest + 1):
    steps += [(n, total - n) for n in range(1, total)]
  return [*steps, (1, 0), (0, 1)]


def relative_distances(x_ND, y_MD, x_mean_D, y_mean_D):
  """Cosine distances [N, M], in units of the usual distance between these texts and chance ones.

  The paper divides by sampled distances; the means of all texts give the same without noise.
  """
  usual_NM = ((1 - x_ND @ y_mean_D)[:, None] + (1 - y_MD @ x_mean_D)) / 2
  distance_NM = 1 - x_ND @ y_MD.T
  # Otherwise rounding would decide whether two equal lines become two pairs or a joined one.
  distance_NM[distance_NM < ROUNDING] = 0
  return distance_NM / np.maximum(usual_NM, 1e-6)


def skip_cost(x_ND, y_MD):
  """What a sentence without a partner costs: a quarter more than a pair usually does.

  A pair's usual cost is the median distance from a sentence of the shorter document to the nearest
  of the other; more sentences of the shorter one have a partner. The quarter was the best of 0 to 1
  on French and English, with and without partners. The paper takes a quantile of chance distances,
  which was too high there: sentences without a partner were joined to their neighbours. The cost is
  at least FLOOR: where most lines are copies, the median is 0, and a changed line would be skipped.
  0.2 to 0.3 did best on copies of which up to 40 % had a cosine of 0.9; a translation costs more.
  """
  x_ND, y_MD = sorted((x_ND, y_MD), key=len)
  sample_ND = x_ND[:: -(-len(x_ND) // SAMPLE)]
  distance_NM = relative_distances(sample_ND, y_MD, x_ND.mean(0), y_MD.mean(0))
  return max(SKIP * np.median(distance_NM.min(1)), FLOOR)


def _halved(text_ND):
  """Averages the vectors of two neighbours; an odd last one stays. Returns [1, N / 2, D]."""
  text_ND = np.pad(text_ND, ((0, len(text_ND) % 2), (0, 0)), "edge")
  return unit(text_ND[0::2] + text_ND[1::2])[None]


def _doubled(links, sizes):
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


def _centres(anchors, sizes):
  """The j of a path through the anchors, at one point on each diagonal."""
  i_P, j_P = np.array([(0, 0), *anchors, sizes]).T
  # 1e-6 more than exact: a slope of 1 could otherwise round to a step of 2.
  return np.floor(np.interp(np.arange(sum(sizes) + 1), i_P + j_P, j_P) + 1e-6).astype(int)


def _log_spans(length_N, count, sentences):
  """Logs of the lengths [count, N] of each sentence joined with up to 0, 1, ... before it.

  Each is log(length + SHORT). Lengths are in units of which the document has `sentences`, so that
  two documents compare.
  """
  until = np.concatenate([np.zeros(count), np.cumsum(length_N)]) / np.sum(length_N)
  end_N = count + np.arange(len(length_N))
  span_KN = np.stack([until[end_N] - until[end_N - 1 - k] for k in range(count)])
  return np.log(span_KN * sentences + SHORT)


def _costs(x_KND, y_KMD, lengths, steps, band):
  """Yields cost_TW for each diagonal but the first: of each step that ends at each of its points.

  Steps to points outside of the documents cost infinitely much.
  """
  skip = skip_cost(x_KND[0], y_KMD[0])
  pair_distances = _pair_distances(x_KND, y_KMD, lengths)
  for first in range(1, len(band.low_A), DIAGONALS):
    last = min(first + DIAGONALS, len(band.low_A))
    diagonal_C1 = np.arange(first, last)[:, None]
    j_CW = band.low_A[diagonal_C1] + np.arange(band.width)
    i_CW = diagonal_C1 - j_CW
    inside_CW = (i_CW >= 0) & (i_CW <= band.sizes[0]) & (j_CW >= 0) & (j_CW <= band.sizes[1])
    # A pair ends with a sentence of each side: row i = 0 and column j = 0 have none.
    pair_CW = inside_CW & (i_CW > 0) & (j_CW > 0)
    i_P = i_CW[pair_CW] - 1
    j_P = j_CW[pair_CW] - 1
    # One product over all sentences that these diagonals touch is faster than one for each.
    rows = slice(i_P.min(), i_P.max() + 1)
    columns = slice(j_P.min(), j_P.max() + 1)
    cost_TCW = np.full((len(steps), *i_CW.shape), np.inf)
    for cost_CW, (n, m) in zip(cost_TCW, steps, strict=True):
      if n and m:
        distance_NM = pair_distances(n, m, rows, columns)
        cost_CW[pair_CW] = n * m * distance_NM[i_P - rows.start, j_P - columns.start]
      else:
        cost_CW[inside_CW] = skip
    yield from cost_TCW.transpose(1, 0, 2)


def _pair_distances(x_KND, y_KMD, lengths):
  """Makes distances(n, m, rows, columns) -> [rows, columns], between joined sentences.

  A row is n sentences of the source that end with it, a column m of the target.
  """
  x_mean_KD = x_KND.mean(1)
  y_mean_KD = y_KMD.mean(1)
  if lengths:
    mean_sentences = (x_KND.shape[1] + y_KMD.shape[1]) / 2
    x_span_KN = _log_spans(lengths[0], len(x_KND), mean_sentences)
    y_span_KM = _log_spans(lengths[1], len(x_KND), mean_sentences)

  def distances(n, m, rows, columns):
    distance_NM = relative_distances(
      x_KND[n - 1, rows], y_KMD[m - 1, columns], x_mean_KD[n - 1], y_mean_KD[m - 1]
    )
    if lengths:
      apart_NM = x_span_KN[n - 1, rows, None] - y_span_KM[m - 1, columns]
      distance_NM *= 1 + LENGTH * np.abs(apart_NM)
    return distance_NM

  return distances


def _least(costs, steps, band):
  """The least total cost of each point in the band and the step that it ends with: [A, W] each.

  While they grow, the totals have `margin` rows before the first diagonal and `margin` columns on
  either side. All of these are infinite, so that a step from outside is never the least:

        margin     width     margin
      +---------+---------+---------+
      |         |         |         |   margin rows: before the first diagonal
      +---------+---------+---------+
      |         | 0       |         |   diagonal 0, with the beginning (0, 0)
      |         |         |         |   diagonal 1, and so on
  """
  n_T, m_T = np.array(steps).T
  margin = int((n_T + m_T).max())
  low_A = np.pad(band.low_A, (margin, 0), "edge")
  total_AW = np.full((len(low_A), band.width + 2 * margin), np.inf)
  step_AW = np.zeros((len(low_A), band.width), np.int8)
  total_AW[margin, margin - low_A[margin]] = 0
  for row, cost_TW in enumerate(costs, margin + 1):
    # A step comes from n + m diagonals before. Its j is m less, counted from that diagonal's low.
    before_T = row - n_T - m_T
    column_T = margin + low_A[row] - m_T - low_A[before_T]
    sum_TW = total_AW[before_T[:, None], column_T[:, None] + np.arange(band.width)] + cost_TW
    step_AW[row] = sum_TW.argmin(0)
    total_AW[row, margin : margin + band.width] = sum_TW.min(0)
  return total_AW[margin:, margin : margin + band.width], step_AW[margin:]


def _traced(total_AW, step_AW, steps, band):
  """Follows the least path from its end back to its beginning; returns its Links in order."""

  def stored(i, j):
    """Where a point's values are in the arrays."""
    return i + j, j - band.low_A[i + j]

  links = []
  i, j = band.sizes
  while i or j:
    n, m = steps[step_AW[stored(i, j)]]
    score = None
    if n and m:
      cost = total_AW[stored(i, j)] - total_AW[stored(i - n, j - m)]
      score = 1 - cost / (n * m)
    links.append(Link(tuple(range(i - n, i)), tuple(range(j - m, j)), score))
    i -= n
    j -= m
  return links[::-1]
