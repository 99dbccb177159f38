"""Monotone alignment of the sentences of two documents (Vecalign: Thompson and Koehn 2019).

A document of N sentences is text_KND: text_KND[k, i] is the unit vector of the k + 1 sentences that
end with sentence i, joined (of all until i, where those are fewer). A place (i, j) lies behind the
first i sentences of the source and the first j of the target, on the diagonal A = i + j.
"""

from typing import NamedTuple

import numpy as np

EXACT = 1000  # Sentences of both documents together for which each place is looked at.
REACH = 12  # Places on either side of a coarse path that are looked at in a longer document.
SAMPLE = 500  # Sentences by which the cost of a skip is measured.
SKIP = 1.25  # Of the usual distance of a pair: the cost of a sentence without a partner.
FLOOR = 0.2  # In the unit of relative_distances: the least cost of such a sentence.
ROUNDING = 1e-6  # A cosine distance that is none.
LENGTH = 0.3  # Of a distance: added for each factor of e between lengths. 0.2 to 0.5 did as well.
SHORT = 0.1  # Mean sentences added to each length: a word more in a heading says little.
DIAGONALS = 64  # Whose costs come out of one matrix product.


class Link(NamedTuple):
  """Sentences that are translations of each other; one side is empty where there is none.

  The score is 1 for equal vectors and 0 for a pair as distant as chance ones, less where lengths do
  not agree; None for a skip.
  """

  source: tuple
  target: tuple
  score: float | None


def align(x_KND, y_KMD, lengths=None, *, largest=4):
  """The Links, in order, of least total cost, with at most `largest` sentences in each.

  K is at least largest - 1. `lengths` are the characters of the sentences, ([N], [M]), by which
  distances grow where they do not agree: vectors often cannot tell to which neighbour a part of a
  sentence belongs (the idea of Gale and Church 1993, CL 19:75; Vecalign has none). Documents of
  more than EXACT sentences are aligned at half the length first, without lengths, and then only
  near that path: time and memory are linear.
  """
  sizes = x_KND.shape[1], y_KMD.shape[1]
  if sum(sizes) <= EXACT:
    anchors, reach = [], max(sizes)
  else:
    coarse = align(_halved(x_KND[0]), _halved(y_KMD[0]), largest=2)
    anchors, reach = _doubled(coarse, sizes), REACH
  low_A, width = _centres(anchors, sizes) - reach, 2 * reach + 1
  steps = steps_up_to(largest)
  costs = _costs(x_KND, y_KMD, lengths, steps, low_A, width)
  return _traced(*_least(costs, steps, low_A, width), steps, low_A, sizes)


def steps_up_to(largest):
  """(source, target) sentences of each kind of link: first the pairs, then the two skips."""
  pairs = [(n, total - n) for total in range(2, largest + 1) for n in range(1, total)]
  return [*pairs, (1, 0), (0, 1)]


def relative_distances(x_ND, y_MD, x_mean_D, y_mean_D):
  """Cosine distances [N, M], in units of what is usual between these texts and chance ones.

  The paper's cost divides by sampled distances; the means of all texts give the same without noise.
  """
  usual_NM = ((1 - x_ND @ y_mean_D)[:, None] + (1 - y_MD @ x_mean_D)) / 2
  distance_NM = 1 - x_ND @ y_MD.T
  # Or rounding would choose between two pairs of equal lines and one of both lines joined.
  distance_NM[distance_NM < ROUNDING] = 0
  return distance_NM / np.maximum(usual_NM, 1e-6)


def skip_cost(x_ND, y_MD):
  """What a sentence without a partner costs: a quarter more than a pair usually does.

  That is the median distance from a sentence of the shorter document, of which more have a partner,
  to the nearest of the other. The quarter was the best of 0 to 1 on French and English, with and
  without partners; a quantile of chance distances, the paper's choice, was too high there:
  sentences without a partner were joined to their neighbours. It is FLOOR at least: where most
  lines are copies the median is 0, and what was changed would be skipped. 0.2 to 0.3 did best on
  copies of which up to 40 % had a cosine of 0.9; a translation's cost is above that.
  """
  x_ND, y_MD = sorted((x_ND, y_MD), key=len)
  sample_ND = x_ND[:: -(-len(x_ND) // SAMPLE)]
  distance_NM = relative_distances(sample_ND, y_MD, x_ND.mean(0), y_MD.mean(0))
  return max(SKIP * np.median(distance_NM.min(1)), FLOOR)


def _halved(text_ND):
  """The document [1, N / 2, D] of the mean vectors of two neighbours; an odd last stays itself."""
  text_ND = np.pad(text_ND, ((0, len(text_ND) % 2), (0, 0)), "edge")
  mean_HD = text_ND[0::2] + text_ND[1::2]
  return (mean_HD / np.maximum(np.linalg.norm(mean_HD, axis=1, keepdims=True), 1e-12))[None]


def _doubled(links, sizes):
  """The places behind a coarse path's pairs, in the document that is twice as long.

  Skips are left out, since their order means nothing: a straight line leads over them.
  """
  ends = [
    (2 * link.source[-1] + 2, 2 * link.target[-1] + 2) for link in links if link.score is not None
  ]
  return [(min(i, sizes[0]), min(j, sizes[1])) for i, j in ends]


def _centres(anchors, sizes):
  """The target side of a path through the anchors, one place on each diagonal."""
  i_P, j_P = np.array([(0, 0), *anchors, sizes]).T
  # A little more than exact, or a slope of 1 could round to a step of 2.
  return np.floor(np.interp(np.arange(sum(sizes) + 1), i_P + j_P, j_P) + 1e-6).astype(int)


def _log_spans(length_N, count, sentences):
  """log(length + SHORT) [count, N] of each sentence with up to 0, 1, ... of those before it.

  All of the document is as long as `sentences`, so that two documents compare.
  """
  until = np.concatenate([np.zeros(count), np.cumsum(length_N)]) / np.sum(length_N)
  end_N = count + np.arange(len(length_N))
  span_KN = np.stack([until[end_N] - until[end_N - 1 - k] for k in range(count)])
  return np.log(span_KN * sentences + SHORT)


def _costs(x_KND, y_KMD, lengths, steps, low_A, width):
  """Yields cost_TW of the T steps that end on each diagonal but the first, at low + W."""
  skip, x_mean_KD, y_mean_KD = skip_cost(x_KND[0], y_KMD[0]), x_KND.mean(1), y_KMD.mean(1)
  sizes = x_KND.shape[1], y_KMD.shape[1]
  spans = lengths and [_log_spans(length_N, len(x_KND), sum(sizes) / 2) for length_N in lengths]
  for first in range(1, len(low_A), DIAGONALS):
    a_C1 = np.arange(first, min(first + DIAGONALS, len(low_A)))[:, None]
    j_CW = low_A[a_C1] + np.arange(width)
    i_CW = a_C1 - j_CW
    inside_CW = (i_CW >= 0) & (i_CW <= sizes[0]) & (j_CW >= 0) & (j_CW <= sizes[1])
    pair_CW = inside_CW & (i_CW > 0) & (j_CW > 0)
    i_P, j_P = i_CW[pair_CW] - 1, j_CW[pair_CW] - 1  # The last sentence of either side.
    rows, columns = slice(i_P.min(), i_P.max() + 1), slice(j_P.min(), j_P.max() + 1)
    cost_TCW = np.full((len(steps), *i_CW.shape), np.inf)
    for cost_CW, (n, m) in zip(cost_TCW, steps, strict=True):
      if n and m:
        distance_NM = relative_distances(
          x_KND[n - 1, rows], y_KMD[m - 1, columns], x_mean_KD[n - 1], y_mean_KD[m - 1]
        )
        if spans:
          apart_NM = spans[0][n - 1, rows, None] - spans[1][m - 1, columns]
          distance_NM *= 1 + LENGTH * np.abs(apart_NM)
        cost_CW[pair_CW] = n * m * distance_NM[i_P - rows.start, j_P - columns.start]
      else:
        cost_CW[inside_CW] = skip
    yield from cost_TCW.transpose(1, 0, 2)


def _least(costs, steps, low_A, width):
  """(least total cost, step that it ends with) of each place near the path, by diagonals.

  The totals have `margin` rows before the first diagonal and columns on either side: all infinite,
  so that a step from outside is never the least.
  """
  n_T, m_T = np.array(steps).T
  margin = int((n_T + m_T).max())
  low_A = np.pad(low_A, (margin, 0), "edge")
  total_AW = np.full((len(low_A), width + 2 * margin), np.inf)
  step_AW = np.zeros((len(low_A), width), np.int8)
  total_AW[margin, margin - low_A[margin]] = 0
  for a, cost_TW in enumerate(costs, margin + 1):
    before_T = a - n_T - m_T
    column_T = margin + low_A[a] - m_T - low_A[before_T]
    sum_TW = total_AW[before_T[:, None], column_T[:, None] + np.arange(width)] + cost_TW
    step_AW[a] = sum_TW.argmin(0)
    total_AW[a, margin : margin + width] = sum_TW.min(0)
  return total_AW[margin:, margin : margin + width], step_AW[margin:]


def _traced(total_AW, step_AW, steps, low_A, sizes):
  """The Links of the least path, from its end back to its beginning."""
  (i, j), links = sizes, []

  def total(i, j):
    return total_AW[i + j, j - low_A[i + j]]

  while i or j:
    n, m = steps[step_AW[i + j, j - low_A[i + j]]]
    score = 1 - (total(i, j) - total(i - n, j - m)) / (n * m) if n and m else None
    links.append(Link(tuple(range(i - n, i)), tuple(range(j - m, j)), score))
    i, j = i - n, j - m
  return links[::-1]
