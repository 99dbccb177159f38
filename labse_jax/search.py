"""Exact nearest neighbours by inner product: blocked matrix products and a running top k."""

import jax
import jax.numpy as jnp
import numpy as np

from labse_jax.errors import InputError
from labse_jax.sharding import make_mesh

QUERIES = 1024  # At a time; with a block of candidates, 32 MiB of scores.
GROUP = 64  # Neighbouring candidates of which only the best is looked at first.


def top_k(queries_ND, candidates_CD, k, *, block=8192):
  """The k best candidates of each query: (scores [N, k] float32, ids [N, k] int64), best first.

  Equal scores come in the order of their ids. Arrays may be memory maps: about `block` candidates
  are read at a time, each once. Raises InputError where there are fewer than k, or where a vector
  is not finite.
  """
  _check(queries_ND, candidates_CD, k)
  # Few sizes are few compilations, and one size for all blocks lets equal candidates tie: a
  # product may be rounded differently in another.
  rows = min(QUERIES, _power_of_two(len(queries_ND)))
  block = max(GROUP, _power_of_two(k), _power_of_two(min(block, len(candidates_CD))))
  with jax.set_mesh(make_mesh(devices=jax.local_devices()[:1])):
    queries = [jax.device_put(_block(queries_ND, start, rows, "query"))
               for start in range(0, max(1, len(queries_ND)), rows)]  # fmt: skip
    nothing = np.full((rows, k), -np.inf, np.float32), np.full((rows, k), -1, np.int32)
    best = [nothing] * len(queries)
    for first in range(0, len(candidates_CD), block):
      candidates_cD = jax.device_put(_block(candidates_CD, first, block, "candidate"))
      range_2 = np.array([first, len(candidates_CD)], np.int32)
      best = [_merge(*one, queries_qD, candidates_cD, range_2)
              for one, queries_qD in zip(best, queries, strict=True)]  # fmt: skip
    scores_NK, ids_NK = (np.concatenate(side)[: len(queries_ND)]
                         for side in zip(*best, strict=True))  # fmt: skip
  return scores_NK, ids_NK.astype(np.int64)


def _power_of_two(n):
  """The smallest one that is not below n."""
  return 1 << max(n - 1, 0).bit_length()


def _check(queries_ND, candidates_CD, k):
  if queries_ND.shape[1] != candidates_CD.shape[1]:
    raise InputError(f"Queries have {queries_ND.shape[1]} dimensions, candidates "
                     f"{candidates_CD.shape[1]}; they must be of one model.")  # fmt: skip
  if not 1 <= k <= len(candidates_CD):
    raise InputError(f"k = {k}: 1 to {len(candidates_CD):,}, the number of candidates, is allowed.")


def _block(vectors_ND, start, size, name):
  """`size` vectors from `start` on, float32; zeros where there are no more."""
  block_ND = np.asarray(vectors_ND[start : start + size], np.float32)
  finite_N = np.isfinite(block_ND).all(axis=1)
  if not finite_N.all():
    raise InputError(f"The vector of {name} {start + int(finite_N.argmin()):,} is not finite.")
  return np.pad(block_ND, ((0, size - len(block_ND)), (0, 0)))


@jax.jit
def _merge(best_qK, ids_qK, queries_qD, candidates_cD, range_2):
  """The best of what was found so far, whose ids are lower, and of a block of candidates.

  `range_2` is the id of the block's first candidate, and one more than the last id of all.
  """
  k = best_qK.shape[1]
  score_qc = jnp.einsum("qd,cd->qc", queries_qD, candidates_cD, precision="highest",
                        preferred_element_type=jnp.float32)  # fmt: skip
  id_c = range_2[0] + jnp.arange(len(candidates_cD), dtype=jnp.int32)
  score_qc = jnp.where(id_c < range_2[1], score_qc, -jnp.inf)
  score_qg, place_qg = _of_best_groups(score_qc, k)
  # top_k takes the first of equals, and here ids ascend among equals.
  best_qK, place_qK = jax.lax.top_k(jnp.concatenate([best_qK, score_qg], 1), k)
  ids_qg = jnp.concatenate([ids_qK, id_c[place_qg]], 1)
  return best_qK, jnp.take_along_axis(ids_qg, place_qK, 1)


def _of_best_groups(score_qc, k):
  """Scores and places, ascending, of the k groups with the best maxima: the k best are in them."""
  queries, count = score_qc.shape
  groups = count // GROUP
  if groups <= k:
    return score_qc, jnp.broadcast_to(jnp.arange(count), score_qc.shape)
  score_qGM = score_qc.reshape(queries, groups, GROUP)
  _, group_qK = jax.lax.top_k(score_qGM.max(2), k)
  group_qK = jnp.sort(group_qK, 1)
  score_qKM = jnp.take_along_axis(score_qGM, group_qK[..., None], 1)
  place_qKM = group_qK[..., None] * GROUP + jnp.arange(GROUP)
  return score_qKM.reshape(queries, -1), place_qKM.reshape(queries, -1)
