"""The most similar pairs among vectors of one list."""

import numpy as np

from labse_jax.neighbours.exact import top_k


def similar_pairs(vectors_ND: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Each vector with its k nearest others, each pair once, best first: (scores, rows, others) [P].

  The row is the lower one of a pair. Pairs of equal scores come in the order of their rows. Raises
  InputError where there are fewer than k others, or where a vector is not finite.
  """
  count = len(vectors_ND)
  scores_NK, ids_NK = top_k(vectors_ND, vectors_ND, k + 1)
  row_N1 = np.arange(count)[:, None]
  others_NK = ids_NK != row_N1
  # Where more than k vectors are equal to it, a vector may not be in its own list.
  others_NK[others_NK.all(1), -1] = False
  found_NK = np.broadcast_to(row_N1, ids_NK.shape)
  row_P = np.minimum(ids_NK, found_NK)[others_NK]
  other_P = np.maximum(ids_NK, found_NK)[others_NK]
  # A pair that both of its lines found comes twice.
  _, first_P = np.unique(row_P * count + other_P, return_index=True)
  scores_P = scores_NK[others_NK][first_P]
  order_P = np.argsort(-scores_P, kind="stable")
  first_P = first_P[order_P]
  return scores_P[order_P], row_P[first_P], other_P[first_P]
