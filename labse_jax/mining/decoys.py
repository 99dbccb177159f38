"""What a sentence is paired with when its translation is kept away: a pair that must be wrong."""

from typing import NamedTuple

import numpy as np


class Neighbours(NamedTuple):
  """The nearest of each row on the other side, best first, and which may be paired with it."""

  cosine_NK: np.ndarray
  place_NK: np.ndarray
  allowed_NK: np.ndarray

  def of(self, rows):
    """The neighbours of some rows."""
    return Neighbours(self.cosine_NK[rows], self.place_NK[rows], self.allowed_NK[rows])

  def score_NK(self, mean_N1, mean_NK, margin):
    """Margin scores, from the mean cosines of rows and of neighbours; -inf if not allowed."""
    score_NK = margin(self.cosine_NK, (mean_N1 + mean_NK) / 2)
    return np.where(self.allowed_NK, score_NK, -np.inf)


class Finds(NamedTuple):
  """What decoys are paired with: the numbers of the decoys, places on the other side, scores."""

  number_C: np.ndarray
  place_C: np.ndarray
  score_C: np.ndarray


def decoy_scores(near_x, near_y, pairs_2G, found, margin):
  """The scores [G] of what each x of true pairs finds when its y is kept away; -inf for nothing.

  The pairs are (rows of x, rows of y). Both Neighbours are of the k + 1 nearest; `found` is what
  retrieval "max" makes of k of them, (row_x_P, row_y_P, score_P). One x at a time is a decoy and
  all else stays as it is, so that a y that stands in a better pair is not free.
  """
  decoy_G, partner_G = pairs_2G
  near_G = _without(near_x.of(decoy_G), partner_G)
  near_y = near_y.of(np.s_[:, :-1])
  # The mean cosines of which margin scores are made; a decoy's is without its partner.
  mean_xN = near_x.cosine_NK[:, :-1].mean(1)
  mean_yM = near_y.cosine_NK.mean(1)
  mean_G = near_G.cosine_NK.mean(1)

  # As in mining, a pair is the best candidate of its x or of its y.
  forward = _forward(near_G, near_G.score_NK(mean_G[:, None], mean_yM[near_G.place_NK], margin))
  number_N = np.full(len(mean_xN), -1)
  number_N[decoy_G] = np.arange(len(decoy_G))
  number_MK = number_N[near_y.place_NK]
  score_MK = near_y.score_NK(mean_yM[:, None], mean_xN[near_y.place_NK], margin)
  decoy_score_MK = near_y.score_NK(mean_yM[:, None], mean_G[number_MK], margin)
  backward = _backward(number_MK, partner_G, score_MK, decoy_score_MK)

  number_C = np.concatenate([forward.number_C, backward.number_C])
  place_C = np.concatenate([forward.place_C, backward.place_C])
  score_C = np.concatenate([forward.score_C, backward.score_C])
  free_C = _free(decoy_G[number_C], place_C, score_C, found, len(mean_yM))
  best_G = np.full(len(decoy_G), -np.inf)
  np.maximum.at(best_G, number_C[free_C], score_C[free_C])
  return best_G


def _without(near_G, partner_G):
  """The neighbours of each row but its partner, or, where that is not among them, the last."""
  partner_GK = near_G.place_NK == partner_G[:, None]
  keep_GK = np.argsort(partner_GK, axis=1, kind="stable")[:, :-1]
  return Neighbours(
    np.take_along_axis(near_G.cosine_NK, keep_GK, 1),
    np.take_along_axis(near_G.place_NK, keep_GK, 1),
    np.take_along_axis(near_G.allowed_NK, keep_GK, 1),
  )


def _forward(near_G, score_GK):
  """The Finds of each decoy's best candidate."""
  number_G = np.arange(len(score_GK))
  best_G = score_GK.argmax(1)
  return Finds(number_G, near_G.place_NK[number_G, best_G], score_GK[number_G, best_G])


def _backward(number_MK, partner_G, score_MK, decoy_score_MK):
  """The Finds of decoys that are the best candidate of a y that is not their own.

  `number_MK` are the decoys' numbers among the neighbours of each y, -1 for others.
  """
  row_M1 = np.arange(len(number_MK))[:, None]
  wins_MK = (number_MK >= 0) & (partner_G[number_MK] != row_M1)
  wins_MK &= decoy_score_MK > _best_of_others(score_MK)
  return Finds(number_MK[wins_MK], np.nonzero(wins_MK)[0], decoy_score_MK[wins_MK])


def _best_of_others(score_MK):
  """For each entry, the best of the others in its row; -inf in rows of one."""
  ranked_MK = np.sort(np.pad(score_MK, ((0, 0), (1, 0)), constant_values=-np.inf), axis=1)
  first_M1 = ranked_MK[:, -1:]
  second_M1 = ranked_MK[:, -2:-1]
  return np.where(score_MK == first_M1, second_M1, first_M1)


def _free(row_x_C, place_C, score_C, found, count):
  """bool [C]: whether the y at a place, of `count`, is in no better pair, or in one of this x."""
  row_x_P, row_y_P, score_P = found
  held_M = np.full(count, -np.inf)
  held_M[row_y_P] = score_P
  holder_M = np.full(count, -1)
  holder_M[row_y_P] = row_x_P
  return (score_C > held_M[place_C]) | (holder_M[place_C] == row_x_C)
