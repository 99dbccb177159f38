"""Margin scores and the pairs they mine (Artetxe and Schwenk 2019, arXiv 1811.01136, sec. 3)."""

import numpy as np

from labse_jax.base.errors import known
from labse_jax.neighbours.exact import top_k_both

MARGINS = {
  "ratio": lambda cosine, mean: cosine / mean,
  "distance": lambda cosine, mean: cosine - mean,
  "absolute": lambda cosine, mean: cosine,
}
RETRIEVALS = ("max", "forward", "backward", "intersection", "union")
PART = 4096  # Pairs whose vectors are read at a time.


def candidates(x_ND, y_MD, *, k, margin="ratio", retrieval="max", search=top_k_both, allowed=None):
  """Mined pairs of unit vectors, best first: (row_x_P, row_y_P, score_P).

  Of the k nearest on the other side, the one with the best margin score is taken for each x
  ("forward"), for each y ("backward"), where both agree ("intersection"), for both ("union"), or of
  both the best that are still free, so that each row stands in one pair ("max"). `allowed`, a
  function (row_x_P, row_y_P) -> bool_P, leaves neighbours out, which still count in the means.
  `search(x_ND, y_MD, k)` finds neighbours as `top_k_both` does.
  """
  known("margin", margin, MARGINS)
  known("retrieval", retrieval, RETRIEVALS)
  near = search(x_ND, y_MD, k)
  return retrieved(*neighbour_scores(*near, margin), retrieval, allowed)


def aligned_scores(x_ND, y_MD, row_x_P, row_y_P, *, k, margin="ratio", search=top_k_both):
  """The margin scores of given pairs of rows, float32 [P]."""
  score = MARGINS[known("margin", margin, MARGINS)]
  (near_xNK, _), (near_yMK, _) = search(x_ND, y_MD, k)
  cosine_P = [
    np.einsum("pd,pd->p", x_ND[row_x_P[part]], y_MD[row_y_P[part]]) for part in _parts(len(row_x_P))
  ]
  mean_P = (near_xNK.mean(1)[row_x_P] + near_yMK.mean(1)[row_y_P]) / 2
  return score(np.concatenate(cosine_P), mean_P)


def _parts(count):
  return [slice(start, start + PART) for start in range(0, max(count, 1), PART)]


def neighbour_scores(near_x, near_y, margin):
  """((score_NK, place_NK), (score_MK, place_MK)) of both sides' (cosines, places), best first.

  A score is margin(cosine, half the sum of the mean cosines of both sides' k nearest).
  """
  (cosine_xNK, place_xNK), (cosine_yMK, place_yMK) = near_x, near_y
  mean_xN, mean_yM, score = cosine_xNK.mean(1), cosine_yMK.mean(1), MARGINS[margin]
  score_xNK = score(cosine_xNK, (mean_xN[:, None] + mean_yM[place_xNK]) / 2)
  score_yMK = score(cosine_yMK, (mean_yM[:, None] + mean_xN[place_yMK]) / 2)
  return (score_xNK, place_xNK), (score_yMK, place_yMK)


def retrieved(scored_x, scored_y, retrieval, allowed=None):
  """`candidates`, from the margin scores of both sides' neighbours."""
  backward_allowed = allowed and (lambda row_y_P, row_x_P: allowed(row_x_P, row_y_P))
  row_x_F, row_y_F, score_F = _best(*scored_x, allowed)
  row_y_B, row_x_B, score_B = _best(*scored_y, backward_allowed)
  forward, backward = (row_x_F, row_y_F, score_F), (row_x_B, row_y_B, score_B)
  if retrieval in ("forward", "backward"):
    return _sorted(*(forward if retrieval == "forward" else backward))
  row_x_P, row_y_P, score_P = map(np.concatenate, zip(forward, backward, strict=True))
  code_P = row_x_P * len(scored_y[0]) + row_y_P
  _, first_P, count_P = np.unique(code_P, return_index=True, return_counts=True)
  chosen_P = first_P[count_P == 2] if retrieval == "intersection" else first_P
  pairs = _sorted(row_x_P[chosen_P], row_y_P[chosen_P], score_P[chosen_P])
  return _one_to_one(*pairs) if retrieval == "max" else pairs


def _best(score_NK, place_NK, allowed):
  """The best candidate of each row that has one: (row_P, place_P, score_P); a nearer one wins."""
  row_N = np.arange(len(score_NK))
  if allowed:
    allowed_P = allowed(np.repeat(row_N, place_NK.shape[1]), place_NK.ravel())
    score_NK = np.where(allowed_P.reshape(place_NK.shape), score_NK, -np.inf)
  best_N = score_NK.argmax(1)
  score_N = score_NK[row_N, best_N]
  row_P = np.flatnonzero(score_N > -np.inf)
  return row_P, place_NK[row_P, best_N[row_P]], score_N[row_P]


def _sorted(row_x_P, row_y_P, score_P):
  order_P = np.lexsort((row_y_P, row_x_P, -score_P))
  return row_x_P[order_P], row_y_P[order_P], score_P[order_P]


def _one_to_one(row_x_P, row_y_P, score_P):
  """The pairs, given best first, neither row of which stands in a better one."""
  taken_x, taken_y, kept = set(), set(), []
  for pair, (x, y) in enumerate(zip(row_x_P.tolist(), row_y_P.tolist(), strict=True)):
    if x not in taken_x and y not in taken_y:
      taken_x.add(x)
      taken_y.add(y)
      kept.append(pair)
  return row_x_P[kept], row_y_P[kept], score_P[kept]
