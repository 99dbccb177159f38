"""What sentences are paired with whose translation is kept away: wrong pairs by construction."""

import typing

import numpy as np


class Neighbours(typing.NamedTuple):
  """The nearest of each row on the other side, best first, and which may be paired with it."""

  cosine_NK: np.ndarray
  place_NK: np.ndarray
  allowed_NK: np.ndarray

  def of(self, rows):
    """The neighbours of some rows."""
    return Neighbours(*(array_NK[rows] for array_NK in self))

  def score_NK(self, mean_N1, mean_NK, margin):
    """Margin scores, from the mean cosines of rows and of neighbours; -inf if not allowed."""
    score_NK = margin(self.cosine_NK, (mean_N1 + mean_NK) / 2)
    return np.where(self.allowed_NK, score_NK, -np.inf)


def decoy_scores(near_x, near_y, pairs_2G, found, margin):
  """What each x of true pairs (rows of x, rows of y) finds were its y not there: scores [G].

  Both Neighbours are of the k + 1 nearest; `found` is what retrieval "max" makes of k of them,
  (row_x_P, row_y_P, score_P). One x at a time is a decoy and all else stays: a y that stands in a
  better pair is not free. -inf where nothing is found.
  """
  decoy_G, partner_G = pairs_2G
  near_G, near_y = _without(near_x.of(decoy_G), partner_G), near_y.of(np.s_[:, :-1])
  mean_xN, mean_yM = near_x.cosine_NK[:, :-1].mean(1), near_y.cosine_NK.mean(1)
  mean_G = near_G.cosine_NK.mean(1)
  forward = _forward(near_G, near_G.score_NK(mean_G[:, None], mean_yM[near_G.place_NK], margin))
  number_N = np.full(len(mean_xN), -1)
  number_N[decoy_G] = np.arange(len(decoy_G))
  number_MK, scores = number_N[near_y.place_NK], near_y.score_NK
  score_MK = scores(mean_yM[:, None], mean_xN[near_y.place_NK], margin)
  decoy_score_MK = scores(mean_yM[:, None], mean_G[number_MK], margin)
  backward = _backward(number_MK, partner_G, score_MK, decoy_score_MK)
  number_C, place_C, score_C = map(np.concatenate, zip(forward, backward, strict=True))
  held_M, holder_M = np.full(len(mean_yM), -np.inf), np.full(len(mean_yM), -1)
  row_x_P, row_y_P, score_P = found
  held_M[row_y_P], holder_M[row_y_P] = score_P, row_x_P
  free_C = (score_C > held_M[place_C]) | (holder_M[place_C] == decoy_G[number_C])
  best_G = np.full(len(decoy_G), -np.inf)
  np.maximum.at(best_G, number_C[free_C], score_C[free_C])
  return best_G


def _without(near_G, partner_G):
  """The neighbours of each row but its partner, or, where that is not among them, the last."""
  partner_GK = near_G.place_NK == partner_G[:, None]
  keep_GK = np.argsort(partner_GK, axis=1, kind="stable")[:, :-1]
  return Neighbours(*(np.take_along_axis(array_GK, keep_GK, 1) for array_GK in near_G))


def _forward(near_G, score_GK):
  """The best candidate of each decoy: (its number, place, score)."""
  number_G, best_G = np.arange(len(score_GK)), score_GK.argmax(1)
  return number_G, near_G.place_NK[number_G, best_G], score_GK[number_G, best_G]


def _backward(number_MK, partner_G, score_MK, decoy_score_MK):
  """The decoys that are the best candidate of a y that is not their own: the same three.

  `number_MK` are the decoys' numbers among the neighbours of each y, -1 for others.
  """
  row_M1 = np.arange(len(number_MK))[:, None]
  wins_MK = (number_MK >= 0) & (partner_G[number_MK] != row_M1)
  wins_MK &= decoy_score_MK > _best_of_others(score_MK)
  return number_MK[wins_MK], np.nonzero(wins_MK)[0], decoy_score_MK[wins_MK]


def _best_of_others(score_MK):
  """For each entry, the best of the others in its row; -inf in rows of one."""
  ranked_MK = np.sort(np.pad(score_MK, ((0, 0), (1, 0)), constant_values=-np.inf), axis=1)
  first_M1, second_M1 = ranked_MK[:, -1:], ranked_MK[:, -2:-1]
  return np.where(score_MK == first_M1, second_M1, first_M1)
