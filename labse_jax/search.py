"""Exact nearest neighbours by inner product: blocked matrix products and a running top k."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from labse_jax.errors import InputError, known
from labse_jax.sharding import make_mesh

QUERIES = 1024  # At a time; with a block of candidates, 32 MiB of scores.
QUERIES_BOTH = 4096  # 128 MiB: what a candidate costs per tile is shared by more queries.
GROUP = 64  # Neighbouring candidates of which only the best is looked at first.
DTYPES = ("float32", "bfloat16")
RESCORED = 512  # Queries whose lists are scored again at a time.


def top_k(queries_ND, candidates_CD, k, *, block=8192, dtype="float32"):
  """The k best candidates of each query: (scores [N, k] float32, ids [N, k] int64), best first.

  Equal scores come in the order of their ids. With dtype "bfloat16", products find lists of
  2 k + 8, which are then scored in float32: what rounding put further back than that is missed.
  Arrays may be memory maps, larger than memory: `block` candidates and some queries are read at a
  time, each candidate once. Raises InputError where there are fewer than k, or where a vector is
  not finite.
  """
  _check(queries_ND, candidates_CD, k, dtype)
  length = min(_length(k, dtype), len(candidates_CD))
  found = _search(queries_ND, candidates_CD, [length], block, QUERIES, dtype)[0]
  return _finished(found, queries_ND, candidates_CD, k, dtype)


def top_k_both(x_ND, y_MD, k, *, block=8192, dtype="float32"):
  """The k best of y for each x and of x for each y, by one pass over the scores.

  ((scores [N, k], ids [N, k]), (scores [M, k], ids [M, k])), each as of `top_k`. Beyond the
  arrays and what is returned it takes less than a gigabyte: a tile of scores, a block of each side.
  """
  _check(x_ND, y_MD, k, dtype)
  _check(y_MD, x_ND, k, dtype)
  lengths = [min(_length(k, dtype), len(side)) for side in (y_MD, x_ND)]
  of_x, of_y = _search(x_ND, y_MD, lengths, block, QUERIES_BOTH, dtype)
  return _finished(of_x, x_ND, y_MD, k, dtype), _finished(of_y, y_MD, x_ND, k, dtype)


def _length(k, dtype):
  return k if dtype == "float32" else 2 * k + 8


def _power_of_two(n):
  """The smallest one that is not below n."""
  return 1 << max(n - 1, 0).bit_length()


def _check(queries_ND, candidates_CD, k, dtype):
  known("dtype", dtype, DTYPES)
  if queries_ND.shape[1] != candidates_CD.shape[1]:
    raise InputError(f"Queries have {queries_ND.shape[1]} dimensions, candidates "
                     f"{candidates_CD.shape[1]}; they must be of one model.")  # fmt: skip
  if not 1 <= k <= len(candidates_CD):
    raise InputError(f"k = {k}: 1 to {len(candidates_CD):,}, the number of candidates, is allowed.")


def _search(queries_ND, candidates_CD, lengths, block, rows, dtype):
  """[(scores, ids) of each query], and of each candidate too where lengths has two numbers."""
  # Few sizes are few compilations, and one size for all blocks lets equal candidates tie: a
  # product may be rounded differently in another.
  rows = min(rows, _power_of_two(len(queries_ND)))
  block = max(GROUP, _power_of_two(lengths[0]), _power_of_two(min(block, len(candidates_CD))))
  starts, of_candidates = range(0, max(1, len(queries_ND)), rows), []
  of_queries = [_nothing(rows, lengths[0])] * len(starts)
  ends_2 = np.array([len(queries_ND), len(candidates_CD)], np.int32)
  with jax.set_mesh(make_mesh(devices=jax.local_devices()[:1])):
    for first in range(0, len(candidates_CD), block):
      candidates_cD = jax.device_put(_block(candidates_CD, first, block, "candidate"))
      of_block = _nothing(block, lengths[1]) if len(lengths) == 2 else None
      for n, start in enumerate(starts):
        queries_qD = _block(queries_ND, start, rows, "query", check=first == 0)
        starts_2 = np.array([start, first], np.int32)
        of_queries[n], of_block = _merge(
            of_queries[n], of_block, queries_qD, candidates_cD, starts_2, ends_2,
            whole=bool((starts_2 + (rows, block) <= ends_2).all()), dtype=dtype)  # fmt: skip
        jax.block_until_ready(of_queries[n])  # Tiles in flight would each have their scores.
      of_candidates.append(of_block)
  found = [_joined(of_queries, queries_ND)]
  return found if of_block is None else [*found, _joined(of_candidates, candidates_CD)]


def _nothing(count, k):
  return np.full((count, k), -np.inf, np.float32), np.full((count, k), -1, np.int32)


def _joined(blocks, vectors_ND):
  return [np.concatenate(side)[: len(vectors_ND)] for side in zip(*blocks, strict=True)]


def _block(vectors_ND, start, size, name, *, check=True):
  """`size` vectors from `start` on, float32; zeros where there are no more."""
  block_ND = np.asarray(vectors_ND[start : start + size], np.float32)
  finite_N = np.isfinite(block_ND).all(axis=1) if check else np.array(True)
  if not finite_N.all():
    raise InputError(f"The vector of {name} {start + int(finite_N.argmin()):,} is not finite.")
  return np.pad(block_ND, ((0, size - len(block_ND)), (0, 0))) if len(block_ND) < size else block_ND


@functools.partial(jax.jit, static_argnames=("whole", "dtype"))
def _merge(of_queries, of_candidates, queries_qD, candidates_cD, starts_2, ends_2, *, whole, dtype):
  """What was found so far, whose ids are lower, with the best of the products of two blocks.

  `starts_2` are the ids of the first query and candidate of the blocks, `ends_2` one more than the
  last of all. `of_candidates` is None where only queries are asked for. The blocks are `whole` if
  no part of them is padding: masking the scores would be a second array of their size.
  """
  score_qc = jnp.einsum("qd,cd->qc", queries_qD.astype(dtype), candidates_cD.astype(dtype),
                        precision="highest", preferred_element_type=jnp.float32)  # fmt: skip
  if not whole:
    id_q, id_c = (start + jnp.arange(size, dtype=jnp.int32)
                  for start, size in zip(starts_2, score_qc.shape, strict=True))  # fmt: skip
    score_qc = jnp.where((id_q < ends_2[0])[:, None] & (id_c < ends_2[1]), score_qc, -jnp.inf)
  if of_candidates is not None:
    of_candidates = _better(of_candidates, starts_2[0], _of_columns(score_qc, _k(of_candidates)))
  return _better(of_queries, starts_2[1], _of_rows(score_qc, _k(of_queries))), of_candidates


def _k(best):
  return best[0].shape[1]


def _better(best, start, groups):
  """The best so far, whose ids are lower, with those in `groups` of a block from id `start` on."""
  (best_qK, ids_qK), (score_qKM, group_qK) = best, groups
  k, size = best_qK.shape[1], score_qKM.shape[2]
  # top_k takes the first of equals, and here ids ascend among equals.
  all_qa = jnp.concatenate([best_qK, score_qKM.reshape(len(best_qK), -1)], 1)
  best_qK, place_qK = jax.lax.top_k(all_qa, k)
  group_qK = jnp.take_along_axis(group_qK, jnp.maximum(place_qK - k, 0) // size, 1)
  old_qK = jnp.take_along_axis(ids_qK, jnp.minimum(place_qK, k - 1), 1)
  return best_qK, jnp.where(place_qK < k, old_qK, start + group_qK * size + (place_qK - k) % size)


def _of_rows(score_qc, k):
  """The k groups of each row with the best maxima, in which the k best are: scores and numbers.

  (scores [q, K, M], numbers [q, K], ascending), of groups of M neighbours.
  """
  queries, count = score_qc.shape
  groups = count // GROUP
  if groups <= k:
    return score_qc[:, None], jnp.zeros((queries, 1), jnp.int32)
  score_qGM = score_qc.reshape(queries, groups, GROUP)
  group_qK = jnp.sort(jax.lax.top_k(score_qGM.max(2), k)[1], 1)
  return jnp.take_along_axis(score_qGM, group_qK[..., None], 1), group_qK


def _of_columns(score_cq, k):
  """`_of_rows` of the transpose, but that of all the scores is never made."""
  count, queries = score_cq.shape
  groups = count // GROUP
  if groups <= k:
    return _of_rows(score_cq.T, k)
  score_GMq = score_cq.reshape(groups, GROUP, queries)
  group_qK = jnp.sort(jax.lax.top_k(score_GMq.max(1).T, k)[1], 1)
  score_KMq = jnp.take_along_axis(score_GMq, group_qK.T[:, None], 0)
  return jnp.moveaxis(score_KMq, 2, 0), group_qK


def _finished(found, queries_ND, candidates_CD, k, dtype):
  """(scores, ids) of what a search found; lists of bfloat16 scores are scored again."""
  scores_NK, ids_NK = found[0], found[1].astype(np.int64)
  if dtype == "float32":
    return scores_NK, ids_NK
  ids_NK = np.sort(ids_NK, 1)  # So that the first of equals is that of the lower id.
  parts = [_scores(queries_ND[start : start + RESCORED],
                   candidates_CD, ids_NK[start : start + RESCORED])
           for start in range(0, len(ids_NK), RESCORED)]  # fmt: skip
  scores_NK = np.concatenate(parts) if parts else scores_NK
  order_Nk = np.argsort(-scores_NK, axis=1, kind="stable")[:, :k]
  return np.take_along_axis(scores_NK, order_Nk, 1), np.take_along_axis(ids_NK, order_Nk, 1)


def _scores(queries_qD, candidates_CD, ids_qK):
  candidates_qKD = np.asarray(candidates_CD[ids_qK], np.float32)
  return np.einsum("qd,qkd->qk", np.asarray(queries_qD, np.float32), candidates_qKD)
