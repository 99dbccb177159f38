"""What a sentence is paired with when its translation is kept away: a pair that must be wrong."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from labse_jax.neighbours.margin import Pairs

# (cosines, mean cosines of the neighbours) -> margin scores.
Margin = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Neighbours(NamedTuple):
  """The nearest of each row, best first: cosines, rows on the other side, and which are allowed."""

  cosine_NK: np.ndarray
  neighbour_NK: np.ndarray
  allowed_NK: np.ndarray

  def of(self, rows: np.ndarray | tuple[slice, slice]) -> "Neighbours":
    """The neighbours of some rows."""
    return Neighbours(self.cosine_NK[rows], self.neighbour_NK[rows], self.allowed_NK[rows])

  def score_NK(self, mean_N1: np.ndarray, mean_NK: np.ndarray, margin: Margin) -> np.ndarray:
    """Margin scores, from the mean cosines of rows and of neighbours; -inf if not allowed."""
    score_NK = margin(self.cosine_NK, (mean_N1 + mean_NK) / 2)
    return np.where(self.allowed_NK, score_NK, -np.inf)


class Means(NamedTuple):
  """Mean cosines to the k nearest: of each x, of each y, and of each decoy without its partner."""

  x_N: np.ndarray
  y_M: np.ndarray
  decoy_G: np.ndarray


class Finds(NamedTuple):
  """What decoys are paired with: numbers of the decoys, rows on the other side, scores."""

  number_C: np.ndarray
  neighbour_C: np.ndarray
  score_C: np.ndarray


def decoy_scores(
  near_x: Neighbours, near_y: Neighbours, pairs_2G: np.ndarray, found: Pairs, margin: Margin
) -> np.ndarray:
  """The scores [G] of what each x of true pairs finds when its y is kept away; -inf for nothing.

  1. Forward: each decoy finds its best candidate among its k nearest, without its partner.
  2. Backward: it also finds each y, except its partner, whose best candidate it is.
  3. Free: a find counts if its y is not in a better pair of another x. The best find is the score.

  An example with k = 1 and the cosine as score. Its true pairs are x0 y0 and x1 y1:

           y0   y1   y2
      x0  0.9  0.2  0.5     without y0, x0 finds y2, which is in no pair: 0.5
      x1  0.4  0.8  0.1     without y1, x1 finds y0, which is in a better pair, with x0: -inf

  The pairs are (rows of x, rows of y). Both Neighbours hold the k + 1 nearest; `found` is what
  retrieval "max" makes of k of them, (row_x_P, row_y_P, score_P). One x at a time is a decoy, and
  nothing else changes.
  """
  decoy_G, partner_G = pairs_2G
  near_G = _without(near_x.of(decoy_G), partner_G)
  near_x = near_x.of(np.s_[:, :-1])
  near_y = near_y.of(np.s_[:, :-1])
  means = Means(near_x.cosine_NK.mean(1), near_y.cosine_NK.mean(1), near_G.cosine_NK.mean(1))
  # As in mining, a pair is the best candidate of its x or of its y.
  forward = _forward(near_G, means, margin)
  backward = _backward(near_y, decoy_G, partner_G, means, margin)
  finds = _joined(forward, backward)
  free_C = _free(finds, decoy_G, found, len(means.y_M))
  best_G = np.full(len(decoy_G), -np.inf)
  np.maximum.at(best_G, finds.number_C[free_C], finds.score_C[free_C])
  return best_G


def _without(near_G: Neighbours, partner_G: np.ndarray) -> Neighbours:
  """Drops each row's partner from its neighbours, or the last where it is not among them."""
  partner_GK = near_G.neighbour_NK == partner_G[:, None]
  keep_GK = np.argsort(partner_GK, axis=1, kind="stable")[:, :-1]
  return Neighbours(
    np.take_along_axis(near_G.cosine_NK, keep_GK, 1),
    np.take_along_axis(near_G.neighbour_NK, keep_GK, 1),
    np.take_along_axis(near_G.allowed_NK, keep_GK, 1),
  )


def _forward(near_G: Neighbours, means: Means, margin: Margin) -> Finds:
  """The Finds of each decoy's best candidate."""
  score_GK = near_G.score_NK(means.decoy_G[:, None], means.y_M[near_G.neighbour_NK], margin)
  number_G = np.arange(len(score_GK))
  best_G = score_GK.argmax(1)
  return Finds(number_G, near_G.neighbour_NK[number_G, best_G], score_GK[number_G, best_G])


def _backward(
  near_y: Neighbours, decoy_G: np.ndarray, partner_G: np.ndarray, means: Means, margin: Margin
) -> Finds:
  """The Finds of decoys that are the best candidate of a y other than their partner."""
  number_N = np.full(len(means.x_N), -1)
  number_N[decoy_G] = np.arange(len(decoy_G))
  # Which decoy each neighbour of each y is; -1 if it is not one.
  number_MK = number_N[near_y.neighbour_NK]
  mean_M1 = means.y_M[:, None]
  score_MK = near_y.score_NK(mean_M1, means.x_N[near_y.neighbour_NK], margin)
  # As decoys, they have the mean without their partner; all others keep theirs.
  decoy_score_MK = near_y.score_NK(mean_M1, means.decoy_G[number_MK], margin)
  row_M1 = np.arange(len(number_MK))[:, None]
  wins_MK = (number_MK >= 0) & (partner_G[number_MK] != row_M1)
  wins_MK &= decoy_score_MK > _best_of_others(score_MK)
  return Finds(number_MK[wins_MK], np.nonzero(wins_MK)[0], decoy_score_MK[wins_MK])


def _joined(forward: Finds, backward: Finds) -> Finds:
  """The Finds of both directions."""
  return Finds(
    np.concatenate([forward.number_C, backward.number_C]),
    np.concatenate([forward.neighbour_C, backward.neighbour_C]),
    np.concatenate([forward.score_C, backward.score_C]),
  )


def _best_of_others(score_MK: np.ndarray) -> np.ndarray:
  """For each entry, the best of the others in its row; -inf in rows of one."""
  ranked_MK = np.sort(np.pad(score_MK, ((0, 0), (1, 0)), constant_values=-np.inf), axis=1)
  first_M1 = ranked_MK[:, -1:]
  second_M1 = ranked_MK[:, -2:-1]
  return np.where(score_MK == first_M1, second_M1, first_M1)


def _free(finds: Finds, decoy_G: np.ndarray, found: Pairs, count: int) -> np.ndarray:
  """bool [C]: whether the y of a find, one of `count`, is not in a better pair of another x."""
  row_x_P, row_y_P, score_P = found
  held_M = np.full(count, -np.inf)
  held_M[row_y_P] = score_P
  holder_M = np.full(count, -1)
  holder_M[row_y_P] = row_x_P
  same_x_C = holder_M[finds.neighbour_C] == decoy_G[finds.number_C]
  return (finds.score_C > held_M[finds.neighbour_C]) | same_x_C
