"""The best of a tile of inner products, by row and by column, on any number of devices."""

import functools

import jax
import jax.numpy as jnp

from labse_jax.base.sharding import BATCH

GROUP = 32  # So many neighbouring candidates are first judged by the best of them alone.
DTYPES = ("float32", "bfloat16", "int8")


@functools.partial(jax.jit, static_argnames=("whole", "dtype"))
def merge(of_queries, of_candidates, queries_qD, candidates_cD, starts_2, ends_2, *, whole, dtype):
  """What was found so far, whose ids are lower, with the best of the products of two blocks.

  `starts_2` are the ids of the first query and candidate of the blocks, `ends_2` one more than the
  last of all. `of_candidates` is None where only queries are asked for. The blocks are `whole` if
  no part of them is padding: masking the scores would be a second array of their size. Where the
  mesh around it has several devices, everything is split over them, and comes back so.
  """
  one = functools.partial(_one_device, ends_2=ends_2, whole=whole)
  queries = _rounded(queries_qD, dtype)
  candidates = _rounded(candidates_cD, dtype)
  if jax.sharding.get_abstract_mesh().size == 1:
    return one(of_queries, of_candidates, queries, candidates, starts_2)
  split = jax.P(BATCH)
  ring = jax.shard_map(
    functools.partial(_ring, one), in_specs=(split,) * 4 + (jax.P(),), out_specs=split
  )
  return ring(of_queries, of_candidates, queries, candidates, starts_2)


def _rounded(x_ND, dtype):
  """(numbers, factors or None): x_ND is the numbers of each row times its factor, as nearly."""
  if dtype != "int8":
    return x_ND.astype(dtype), None
  factor_N = jnp.maximum(jnp.abs(x_ND).max(1) / 127, jnp.finfo(jnp.float32).tiny)
  return jnp.round(x_ND / factor_N[:, None]).astype(jnp.int8), factor_N


def _products(queries, candidates):
  """The inner products of two blocks that were rounded, float32 [q, c]."""
  queries_qD, factor_q = queries
  candidates_cD, factor_c = candidates
  total = jnp.float32 if factor_q is None else jnp.int32
  score_qc = jnp.einsum(
    "qd,cd->qc", queries_qD, candidates_cD, precision="highest", preferred_element_type=total
  )
  if factor_q is None:
    return score_qc
  return score_qc * (factor_q[:, None] * factor_c)


def _one_device(of_queries, of_candidates, queries, candidates, starts_2, *, ends_2, whole):
  """`merge` of what one device holds."""
  score_qc = _products(queries, candidates)
  if not whole:
    id_q = starts_2[0] + jnp.arange(score_qc.shape[0], dtype=jnp.int32)
    id_c = starts_2[1] + jnp.arange(score_qc.shape[1], dtype=jnp.int32)
    score_qc = jnp.where((id_q < ends_2[0])[:, None] & (id_c < ends_2[1]), score_qc, -jnp.inf)
  if of_candidates is not None:
    of_candidates = _better(of_candidates, starts_2[0], score_qc, axis=0)
  return _better(of_queries, starts_2[1], score_qc, axis=1), of_candidates


def _ring(one, of_queries, of_candidates, queries, candidates, starts_2):
  """Each device keeps its queries; candidates go round, and their lists with them, once."""
  device = jax.lax.axis_index(BATCH)
  devices = jax.lax.axis_size(BATCH)
  to = [(number, (number - 1) % devices) for number in range(devices)]
  sizes_2 = jnp.array([len(queries[0]), len(candidates[0])], jnp.int32)
  # Each piece is searched for itself: it may have lower ids than what was found before.
  none_of_queries = _emptied(of_queries)
  none_of_candidates = _emptied(of_candidates)

  def turn(number, carry):
    of_queries, of_candidates, candidates = carry
    pieces_2 = jnp.stack([device, (device + number) % devices])
    found_of_queries, found_of_candidates = one(
      none_of_queries, none_of_candidates, queries, candidates, starts_2 + pieces_2 * sizes_2
    )
    of_queries = _best_of_both(of_queries, found_of_queries)
    of_candidates = _best_of_both(of_candidates, found_of_candidates)
    on = jax.tree.map(lambda x: jax.lax.ppermute(x, BATCH, to), (of_candidates, candidates))
    return of_queries, *on

  carry = (of_queries, of_candidates, candidates)
  of_queries, of_candidates, _ = jax.lax.fori_loop(0, devices, turn, carry)
  return of_queries, of_candidates


def _emptied(best):
  """Lists of the same size with nothing in them."""
  if best is None:
    return None
  scores, ids = best
  return jnp.full_like(scores, -jnp.inf), jnp.full_like(ids, -1)


def _best_of_both(one, other):
  """The best of two lists, where neither has all the lower ids: ids decide between tied scores."""
  if one is None:
    return None
  k = one[0].shape[1]
  scores_qa = jnp.concatenate([one[0], other[0]], 1)
  ids_qa = jnp.concatenate([one[1], other[1]], 1)
  scores_qa, ids_qa = jax.lax.sort((-scores_qa, ids_qa), num_keys=2)
  return -scores_qa[:, :k], ids_qa[:, :k]


def _better(best, start, score_qc, axis):
  """The best so far, whose ids are lower, with those along an axis of a tile, from `start` on.

  Lists come and go as [n, k]; in between their k lies along the axis, whichever it is.
  """
  scores, ids = best
  if axis == 0:
    scores = scores.T
    ids = ids.T
  k = scores.shape[axis]
  score, group = _groups(score_qc, k, axis)
  size = score.shape[axis] // group.shape[axis]
  # top_k takes the first of equals, and here ids ascend among equals.
  scores, place = jax.lax.top_k(jnp.concatenate([scores, score], axis), k, axis=axis)
  group = jnp.take_along_axis(group, jnp.maximum(place - k, 0) // size, axis)
  old = jnp.take_along_axis(ids, jnp.minimum(place, k - 1), axis)
  ids = jnp.where(place < k, old, start + group * size + (place - k) % size)
  if axis == 0:
    return scores.T, ids.T
  return scores, ids


def _groups(score_qc, k, axis):
  """The k groups of neighbours along an axis with the best maxima, in which the k best are.

  (scores, numbers of the groups in ascending order), along this axis k GROUP and k of them; all
  scores as one group if there are no more than k. The axes stay in their order: a transposed tile
  would be a second array of its size.
  """
  count = score_qc.shape[axis] // GROUP
  if count <= k:
    return score_qc, jnp.expand_dims(jnp.zeros(score_qc.shape[1 - axis], jnp.int32), axis)
  shape = list(score_qc.shape)
  apart = score_qc.reshape(*shape[:axis], count, GROUP, *shape[axis + 1 :])
  group = jnp.sort(jax.lax.top_k(apart.max(axis + 1), k, axis=axis)[1], axis)
  shape[axis] = k * GROUP
  score = jnp.take_along_axis(apart, jnp.expand_dims(group, axis + 1), axis)
  return score.reshape(shape), group
