"""What the steps of an alignment cost: distances of vectors and lengths, and a price of skips.

The letters of dimensions are those of `alignment`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from labse_jax.mining.joined_texts import Texts

SAMPLE = 500  # Sentences that the price of a skip is measured on.
FLOOR = 0.16  # The least price of a skip, in the unit of relative_distances.
GAP = 0.3  # Each run of skips costs this share of a skip more.
JOINED = 0.1  # A pair of more than two sentences costs this share of a skip more.
BORDER = 0.2  # Each border within it, which both sides have, costs this share more than that.
GROWTH = 0.9  # The power of a pair's size that its distance is multiplied with.
ROUNDING = 1e-6  # A smaller cosine distance counts as 0.
# A factor of e between lengths adds this share of a pair's distance. 0.2 to 0.5 did as well.
LENGTH = 0.3
SHORT = 0.1  # Mean sentences that are added to each length: one word more in a heading says little.
DIAGONALS = 64  # The costs of so many diagonals come from one matrix product.

# (n, m): n sentences of the source, m of the target.
Step = tuple[int, int]
# The characters of the sentences of both documents, ([N], [M]).
Lengths = Sequence[Sequence[int]]


class Prices(NamedTuple):
  """What is paid beside distances.

  `skip` for each sentence without a partner, `gap` for each run of them on one side, `joined` for a
  pair of more than two sentences, and `border` for each border that both of its sides have within.
  """

  skip: float
  gap: float
  joined: float
  border: float

  def of(self, step: Step) -> float:
    """The price of a step: all that a skip costs; of a pair, what is added to its distance."""
    n, m = step
    if not (n and m):
      return (n + m) * self.skip + self.gap
    price = (min(n, m) - 1) * self.border
    if n + m > 2:
      price += self.joined
    return price


class Band(NamedTuple):
  """The points that are looked at: on diagonal A, `width` of them, from j = low_A[A] on.

  Some may lie outside of the documents, whose numbers of sentences are `sizes`.
  """

  low_A: np.ndarray
  width: int
  sizes: tuple[int, int]

  def points(self, diagonals: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(i, j) of the points on some diagonals, [..., width] each."""
    diagonal_A1 = np.asarray(diagonals)[..., None]
    j = self.low_A[diagonal_A1] + np.arange(self.width)
    return diagonal_A1 - j, j


def costs(
  x: Texts,
  y: Texts,
  lengths: Lengths | None,
  steps: Sequence[Step],
  band: Band,
  prices: Prices,
  *,
  backwards: bool = False,
) -> Iterator[np.ndarray]:
  """Yields cost_TW for each diagonal but the first: of each step that ends at each of its points.

  Steps to points outside of the documents, and pairs of texts that are not usable, cost infinitely
  much. The last diagonal comes first if `backwards`.
  """
  pair_distances = _pair_distances(x, y, lengths)
  order = -1 if backwards else 1
  for first in range(1, len(band.low_A), DIAGONALS)[::order]:
    last = min(first + DIAGONALS, len(band.low_A))
    i_CW, j_CW = band.points(np.arange(first, last))
    inside_CW = (i_CW >= 0) & (i_CW <= band.sizes[0]) & (j_CW >= 0) & (j_CW <= band.sizes[1])
    # A pair ends with a sentence of each side: row i = 0 and column j = 0 have none.
    pair_CW = inside_CW & (i_CW > 0) & (j_CW > 0)
    i_P = i_CW[pair_CW] - 1
    j_P = j_CW[pair_CW] - 1
    # One product over all sentences that these diagonals touch is faster than one for each.
    rows = slice(i_P.min(), i_P.max() + 1)
    columns = slice(j_P.min(), j_P.max() + 1)
    cost_TCW = np.full((len(steps), *i_CW.shape), np.inf)
    for cost_CW, step in zip(cost_TCW, steps, strict=True):
      if all(step):
        distance_NM = pair_distances(*step, rows, columns)
        distance_P = distance_NM[i_P - rows.start, j_P - columns.start]
        cost_CW[pair_CW] = weight(step) * distance_P + prices.of(step)
      else:
        cost_CW[inside_CW] = prices.of(step)
    yield from cost_TCW.transpose(1, 0, 2)[::order]


def weight(step: Step) -> float:
  """What the distance of a pair is multiplied with: nearly its sentences, less one.

  Vecalign (sec. 3.2) takes n * m. Two with two would cost twice as much as two pairs, so that such
  a pair was hardly ever found. And with each sentence of a long pair that is not near its partner,
  it became cheaper to cut one off.
  """
  return (sum(step) - 1) ** GROWTH


def _pair_distances(
  x: Texts, y: Texts, lengths: Lengths | None
) -> Callable[[int, int, slice, slice], np.ndarray]:
  """Makes distances(n, m, rows, columns) -> [rows, columns], between joined sentences.

  A row is n sentences of the source that end with it, a column m of the target.
  """
  if lengths:
    most = len(x.usable_KN)
    mean_sentences = (x.usable_KN.shape[1] + y.usable_KN.shape[1]) / 2
    x_span_KN = _log_spans(lengths[0], most, mean_sentences)
    y_span_KM = _log_spans(lengths[1], most, mean_sentences)

  def distances(n: int, m: int, rows: slice, columns: slice) -> np.ndarray:
    distance_NM = relative_distances(
      x.vectors_KND[n - 1, rows],
      y.vectors_KND[m - 1, columns],
      x.mean_KD[n - 1],
      y.mean_KD[m - 1],
    )
    if lengths:
      apart_NM = x_span_KN[n - 1, rows, None] - y_span_KM[m - 1, columns]
      distance_NM *= 1 + LENGTH * np.abs(apart_NM)
    usable_NM = x.usable_KN[n - 1, rows, None] & y.usable_KN[m - 1, columns]
    return np.where(usable_NM, distance_NM, np.inf)

  return distances


def _log_spans(length_N: Sequence[int], count: int, sentences: float) -> np.ndarray:
  """Logs of the lengths [count, N] of each sentence joined with up to 0, 1, ... before it.

  Each is log(length + SHORT). Lengths are in units of which the document has `sentences`, so that
  two documents compare.
  """
  until = np.concatenate([np.zeros(count), np.cumsum(length_N)]) / np.sum(length_N)
  end_N = count + np.arange(len(length_N))
  span_KN = np.stack([until[end_N] - until[end_N - 1 - k] for k in range(count)])
  return np.log(span_KN * sentences + SHORT)


def relative_distances(
  x_ND: np.ndarray, y_MD: np.ndarray, x_mean_D: np.ndarray, y_mean_D: np.ndarray
) -> np.ndarray:
  """Cosine distances [N, M], in units of the usual distance between these texts and chance ones.

  The paper divides by sampled distances; the means of all texts give the same without noise.
  """
  usual_NM = ((1 - x_ND @ y_mean_D)[:, None] + (1 - y_MD @ x_mean_D)) / 2
  distance_NM = 1 - x_ND @ y_MD.T
  # Otherwise rounding would decide whether two equal lines become two pairs or a joined one.
  distance_NM[distance_NM < ROUNDING] = 0
  return distance_NM / np.maximum(usual_NM, 1e-6)


def prices_of(x_ND: np.ndarray, y_ND: np.ndarray) -> Prices:
  """The Prices for documents with these sentences.

  A run of skips pays once for its opening, as gaps do in the alignment of sequences (Gotoh 1982):
  translators leave out passages, while a sentence that is cut off a pair stands alone. Other prices
  by the numbers of sentences are those of Gale and Church (1993, table 5) in kind, not in size.
  docs/alignment.md says how all were chosen.
  """
  skip = skip_price(x_ND, y_ND)
  return Prices(skip, GAP * skip, JOINED * skip, BORDER * skip)


def skip_price(x_ND: np.ndarray, y_ND: np.ndarray) -> float:
  """What a sentence without a partner costs: as much as a pair usually does.

  A pair's usual cost is the median distance from a sentence of the shorter document to the nearest
  of the other; more sentences of the shorter one have a partner. The paper takes a quantile of
  chance distances, which was too high on French and English: sentences without a partner were
  joined to their neighbours. The price is at least FLOOR: where most lines are copies, the median
  is 0, and a changed line would be skipped. 0.2 to 0.3 for a skip with its gap did best on copies
  of which up to 40 % had a cosine of 0.9; a translation costs more.
  """
  x_ND, y_MD = sorted((x_ND, y_ND), key=len)
  sample_ND = x_ND[:: -(-len(x_ND) // SAMPLE)]
  distance_NM = relative_distances(sample_ND, y_MD, x_ND.mean(0), y_MD.mean(0))
  return float(max(np.median(distance_NM.min(1)), FLOOR))
