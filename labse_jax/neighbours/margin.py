"""Margin scores and the pairs they mine (Artetxe and Schwenk 2019, arXiv 1811.01136, sec. 3)."""

from collections.abc import Callable

import numpy as np

from labse_jax.base.errors import known
from labse_jax.neighbours.exact import top_k_both
from labse_jax.neighbours.lists import Nearest
from labse_jax.neighbours.settings import MARGINS, RETRIEVALS

PART = 4096  # Pairs whose vectors are read at a time.

# (x_ND, y_MD, k) -> the neighbours of both sides, as `top_k_both` gives them.
Search = Callable[[np.ndarray, np.ndarray, int], tuple[Nearest, Nearest]]
# (row_x_P, row_y_P) -> bool_P: which pairs may be mined.
Allowed = Callable[[np.ndarray, np.ndarray], np.ndarray]
# (row_x_P, row_y_P, score_P).
Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def candidates(
  x_ND: np.ndarray,
  y_MD: np.ndarray,
  *,
  k: int,
  margin: str = "ratio",
  retrieval: str = "max",
  search: Search = top_k_both,
  allowed: Allowed | None = None,
) -> Pairs:
  """Mined pairs of unit vectors, best first: (row_x_P, row_y_P, score_P).

  The candidate of a row is the one with the best margin score among its k nearest on the other
  side. A retrieval takes the candidates of each x ("forward"), of each y ("backward"), those on
  which both agree ("intersection"), or all of them ("union"). "max" takes the best that are still
  free, so that each row is in one pair at most. `allowed` keeps neighbours from being candidates;
  they still count in the means.
  """
  known("margin", margin, MARGINS)
  known("retrieval", retrieval, RETRIEVALS)
  near_x, near_y = search(x_ND, y_MD, k)
  return retrieved(*neighbour_scores(near_x, near_y, margin), retrieval, allowed)


def aligned_scores(
  x_ND: np.ndarray,
  y_MD: np.ndarray,
  row_x_P: np.ndarray,
  row_y_P: np.ndarray,
  *,
  k: int,
  margin: str = "ratio",
  search: Search = top_k_both,
) -> np.ndarray:
  """The margin scores of given pairs of rows, float32 [P]."""
  score = MARGINS[known("margin", margin, MARGINS)]
  (near_xNK, _), (near_yMK, _) = search(x_ND, y_MD, k)
  cosines = []
  # In parts: the arrays may be memory maps, larger than memory.
  for start in range(0, max(len(row_x_P), 1), PART):
    part = slice(start, start + PART)
    cosines.append(np.einsum("pd,pd->p", x_ND[row_x_P[part]], y_MD[row_y_P[part]]))
  mean_P = (near_xNK.mean(1)[row_x_P] + near_yMK.mean(1)[row_y_P]) / 2
  return score(np.concatenate(cosines), mean_P)


def neighbour_scores(near_x: Nearest, near_y: Nearest, margin: str) -> tuple[Nearest, Nearest]:
  """Turns the cosines of both sides' neighbours, best first, into margin scores.

  `near_x` and `near_y` are (cosines, rows of the neighbours on the other side), as `top_k_both`
  gives them; returns ((score_NK, neighbour_NK), (score_MK, neighbour_MK)). A score is
  margin(cosine, mean), and the mean is half the sum of the mean cosines of both rows' k nearest.
  """
  cosine_xNK, neighbour_xNK = near_x
  cosine_yMK, neighbour_yMK = near_y
  mean_xN = cosine_xNK.mean(1)
  mean_yM = cosine_yMK.mean(1)
  score = MARGINS[margin]
  score_xNK = score(cosine_xNK, (mean_xN[:, None] + mean_yM[neighbour_xNK]) / 2)
  score_yMK = score(cosine_yMK, (mean_yM[:, None] + mean_xN[neighbour_yMK]) / 2)
  return (score_xNK, neighbour_xNK), (score_yMK, neighbour_yMK)


def retrieved(
  scored_x: Nearest, scored_y: Nearest, retrieval: str, allowed: Allowed | None = None
) -> Pairs:
  """What `candidates` gives, from the margin scores of both sides' neighbours."""
  # Both directions for each retrieval, since `allowed` may count what it refuses.
  row_x_F, row_y_F, score_F = _best(*scored_x, allowed)
  row_y_B, row_x_B, score_B = _best(*scored_y, turned(allowed))
  if retrieval == "forward":
    return _sorted(row_x_F, row_y_F, score_F)
  if retrieval == "backward":
    return _sorted(row_x_B, row_y_B, score_B)
  row_x_P = np.concatenate([row_x_F, row_x_B])
  row_y_P = np.concatenate([row_y_F, row_y_B])
  score_P = np.concatenate([score_F, score_B])
  # A pair on which both directions agree is among them twice.
  code_P = row_x_P * len(scored_y[0]) + row_y_P
  _, first_P, count_P = np.unique(code_P, return_index=True, return_counts=True)
  chosen_P = first_P
  if retrieval == "intersection":
    chosen_P = first_P[count_P == 2]
  pairs = _sorted(row_x_P[chosen_P], row_y_P[chosen_P], score_P[chosen_P])
  if retrieval == "max":
    return _one_to_one(*pairs)
  return pairs


def turned(allowed: Allowed | None) -> Allowed | None:
  """Turns `allowed` into a function of (row_y_P, row_x_P); None stays None."""
  if allowed is None:
    return None
  return lambda row_y_P, row_x_P: allowed(row_x_P, row_y_P)


def _best(score_NK: np.ndarray, neighbour_NK: np.ndarray, allowed: Allowed | None) -> Pairs:
  """The candidate of each row that has one, (row_P, neighbour_P, score_P).

  The nearer of two neighbours with the same score is taken.
  """
  row_N = np.arange(len(score_NK))
  if allowed:
    allowed_P = allowed(np.repeat(row_N, neighbour_NK.shape[1]), neighbour_NK.ravel())
    score_NK = np.where(allowed_P.reshape(neighbour_NK.shape), score_NK, -np.inf)
  best_N = score_NK.argmax(1)
  score_N = score_NK[row_N, best_N]
  row_P = np.flatnonzero(score_N > -np.inf)
  return row_P, neighbour_NK[row_P, best_N[row_P]], score_N[row_P]


def _sorted(row_x_P: np.ndarray, row_y_P: np.ndarray, score_P: np.ndarray) -> Pairs:
  """Sorts pairs, best first; tied scores come in the order of their rows."""
  order_P = np.lexsort((row_y_P, row_x_P, -score_P))
  return row_x_P[order_P], row_y_P[order_P], score_P[order_P]


def _one_to_one(row_x_P: np.ndarray, row_y_P: np.ndarray, score_P: np.ndarray) -> Pairs:
  """Keeps the pairs, given best first, neither row of which is in a better pair."""
  taken_x: set[int] = set()
  taken_y: set[int] = set()
  kept = []
  for pair, (x, y) in enumerate(zip(row_x_P.tolist(), row_y_P.tolist(), strict=True)):
    if x not in taken_x and y not in taken_y:
      taken_x.add(x)
      taken_y.add(y)
      kept.append(pair)
  return row_x_P[kept], row_y_P[kept], score_P[kept]
