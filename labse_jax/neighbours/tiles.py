"""The best of a tile of inner products, by row and by column, on any number of devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from labse_jax.base.sharding import BATCH

GROUP = 32  # Neighbouring candidates of a tile whose maximum is compared first.

Found = tuple[jax.Array, jax.Array]  # Scores and ids of the best so far, both [N, k].


@functools.partial(jax.jit, static_argnames=("whole", "dtype"))
def merge(
  of_queries: Found,
  of_candidates: Found | None,
  queries_qD: jax.Array,
  candidates_cD: jax.Array,
  starts_2: np.ndarray | jax.Array,
  ends_2: np.ndarray | jax.Array,
  *,
  whole: bool,
  dtype: str,
) -> tuple[Found, Found | None]:
  """Adds a tile, the products of two blocks, to what was found so far: (of queries, of candidates).

  What was found so far has lower ids than the tile. `starts_2` are the ids of the first query and
  the first candidate of the blocks; `ends_2` are the numbers of all queries and candidates.
  `of_candidates` is None where only queries are asked for. The blocks are `whole` if they have no
  padding: masking the scores would be a second array of their size. Where the mesh around it has
  several devices, everything is split over them, and comes back split.
  """
  add_piece = functools.partial(_one_device, ends_2=ends_2, whole=whole)
  queries = _rounded(queries_qD, dtype)
  candidates = _rounded(candidates_cD, dtype)
  if jax.sharding.get_abstract_mesh().size == 1:
    return add_piece(of_queries, of_candidates, queries, candidates, starts_2)
  split = jax.P(BATCH)
  ring = jax.shard_map(
    functools.partial(_ring, add_piece), in_specs=(split,) * 4 + (jax.P(),), out_specs=split
  )
  return ring(of_queries, of_candidates, queries, candidates, starts_2)


def _rounded(x_ND, dtype):
  """Returns (numbers [N, D], factors [N]). Each row is about numbers x factor.

  Only int8 needs a factor; for the other types it is None.
  """
  if dtype != "int8":
    return x_ND.astype(dtype), None
  factor_N = jnp.maximum(jnp.abs(x_ND).max(1) / 127, jnp.finfo(jnp.float32).tiny)
  return jnp.round(x_ND / factor_N[:, None]).astype(jnp.int8), factor_N


def _products(queries, candidates):
  """The inner products of two blocks, each as `_rounded` gives it, float32 [q, c]."""
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
  """Does what `merge` does, with what one device holds."""
  score_qc = _products(queries, candidates)
  if not whole:
    id_q = starts_2[0] + jnp.arange(score_qc.shape[0], dtype=jnp.int32)
    id_c = starts_2[1] + jnp.arange(score_qc.shape[1], dtype=jnp.int32)
    score_qc = jnp.where((id_q < ends_2[0])[:, None] & (id_c < ends_2[1]), score_qc, -jnp.inf)
  if of_candidates is not None:
    of_candidates = _better(of_candidates, starts_2[0], score_qc, axis=0)
  return _better(of_queries, starts_2[1], score_qc, axis=1), of_candidates


def _ring(add_piece, of_queries, of_candidates, queries, candidates, starts_2):
  """Each device keeps its queries, and the candidates go round once, with their lists."""
  device = jax.lax.axis_index(BATCH)
  devices = jax.lax.axis_size(BATCH)
  sends = [(number, (number - 1) % devices) for number in range(devices)]
  sizes_2 = jnp.array([len(queries[0]), len(candidates[0])], jnp.int32)
  # Each piece is searched alone, since its ids may be lower than those that were found before.
  none_of_queries = _emptied(of_queries)
  none_of_candidates = _emptied(of_candidates)

  def turn(number, carry):
    of_queries, of_candidates, candidates = carry
    pieces_2 = jnp.stack([device, (device + number) % devices])
    found_of_queries, found_of_candidates = add_piece(
      none_of_queries, none_of_candidates, queries, candidates, starts_2 + pieces_2 * sizes_2
    )
    of_queries = _best_of_both(of_queries, found_of_queries)
    of_candidates = _best_of_both(of_candidates, found_of_candidates)
    sent = (of_candidates, candidates)
    of_candidates, candidates = jax.tree.map(lambda x: jax.lax.ppermute(x, BATCH, sends), sent)
    return of_queries, of_candidates, candidates

  carry = (of_queries, of_candidates, candidates)
  of_queries, of_candidates, _ = jax.lax.fori_loop(0, devices, turn, carry)
  return of_queries, of_candidates


def _emptied(best):
  """Lists of the same size with nothing in them."""
  if best is None:
    return None
  scores, ids = best
  return jnp.full_like(scores, -jnp.inf), jnp.full_like(ids, -1)


def _best_of_both(found, others):
  """The best of two lists; the lower id comes first among tied scores.

  `_better` needs no such sort: there, one list has all the lower ids.
  """
  if found is None:
    return None
  k = found[0].shape[1]
  scores_qa = jnp.concatenate([found[0], others[0]], 1)
  ids_qa = jnp.concatenate([found[1], others[1]], 1)
  scores_qa, ids_qa = jax.lax.sort((-scores_qa, ids_qa), num_keys=2)
  return -scores_qa[:, :k], ids_qa[:, :k]


def _better(best, start, score_qc, axis):
  """The k best of the lists so far and of a tile, along `axis` of the tile.

  Scores have a two-step top k, since most groups of GROUP neighbours hold none of the k best:
  1. `_groups` takes each group's maximum.
  2. It keeps the k groups with the best maxima. The k best scores must lie in them: a group that is
     not kept has k maxima before its own.
  3. top_k runs over the scores of these groups, behind the lists so far.
  `start` is the id of the tile's first score along the axis; the lists so far have lower ids. Lists
  are [n, k] outside of this function. Inside, their k lies along the axis.
  """
  scores, ids = best
  if axis == 0:
    scores = scores.T
    ids = ids.T
  k = scores.shape[axis]
  group_scores, group = _groups(score_qc, k, axis)
  size = group_scores.shape[axis] // group.shape[axis]
  # top_k takes the first of tied scores: ids ascend along the axis, so that it has the lowest id.
  joined = jnp.concatenate([scores, group_scores], axis)
  scores, position = jax.lax.top_k(joined, k, axis=axis)
  # The first k positions are the lists so far, the others are scores of the groups.
  in_groups = position - k
  group = jnp.take_along_axis(group, jnp.maximum(in_groups, 0) // size, axis)
  old_ids = jnp.take_along_axis(ids, jnp.minimum(position, k - 1), axis)
  ids = jnp.where(position < k, old_ids, start + group * size + in_groups % size)
  if axis == 0:
    return scores.T, ids.T
  return scores, ids


def _groups(score_qc, k, axis):
  """Steps 1 and 2 of `_better`: the scores of the k best groups along an axis, and which these are.

  Returns (scores, group numbers in ascending order), with k GROUP and k of them along the axis. A
  tile of no more than k groups is returned as one group. The axes stay in their order, since a
  transposed tile would be a second array of its size.
  """
  groups = score_qc.shape[axis] // GROUP
  if groups <= k:
    return score_qc, jnp.expand_dims(jnp.zeros(score_qc.shape[1 - axis], jnp.int32), axis)
  shape = list(score_qc.shape)
  grouped = score_qc.reshape(*shape[:axis], groups, GROUP, *shape[axis + 1 :])
  maxima = grouped.max(axis + 1)
  _, best_groups = jax.lax.top_k(maxima, k, axis=axis)
  # In ascending order, so that ids ascend too.
  best_groups = jnp.sort(best_groups, axis)
  shape[axis] = k * GROUP
  scores = jnp.take_along_axis(grouped, jnp.expand_dims(best_groups, axis + 1), axis)
  return scores.reshape(shape), best_groups
