"""The best of a tile of inner products, by row and by column, on any number of devices."""

import functools

import jax
import jax.numpy as jnp

from labse_jax.sharding import BATCH

GROUP = 64  # Neighbouring candidates of which only the best is looked at first.
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
  queries, candidates = _rounded(queries_qD, dtype), _rounded(candidates_cD, dtype)
  if jax.sharding.get_abstract_mesh().size == 1:
    return one(of_queries, of_candidates, queries, candidates, starts_2)
  split = jax.P(BATCH)
  return jax.shard_map(
      functools.partial(_ring, one), in_specs=(split,) * 4 + (jax.P(),), out_specs=split)(
          of_queries, of_candidates, queries, candidates, starts_2)  # fmt: skip


def _rounded(x_ND, dtype):
  """(numbers, factors or None): x_ND is the numbers of each row times its factor, as nearly."""
  if dtype != "int8":
    return x_ND.astype(dtype), None
  factor_N = jnp.maximum(jnp.abs(x_ND).max(1) / 127, jnp.finfo(jnp.float32).tiny)
  return jnp.round(x_ND / factor_N[:, None]).astype(jnp.int8), factor_N


def _products(queries, candidates):
  (queries_qD, factor_q), (candidates_cD, factor_c) = queries, candidates
  total = jnp.float32 if factor_q is None else jnp.int32
  score_qc = jnp.einsum("qd,cd->qc", queries_qD, candidates_cD,
                        precision="highest", preferred_element_type=total)  # fmt: skip
  return score_qc if factor_q is None else score_qc * (factor_q[:, None] * factor_c)


def _one_device(of_queries, of_candidates, queries, candidates, starts_2, *, ends_2, whole):
  score_qc = _products(queries, candidates)
  if not whole:
    id_q, id_c = (start + jnp.arange(size, dtype=jnp.int32)
                  for start, size in zip(starts_2, score_qc.shape, strict=True))  # fmt: skip
    score_qc = jnp.where((id_q < ends_2[0])[:, None] & (id_c < ends_2[1]), score_qc, -jnp.inf)
  if of_candidates is not None:
    of_candidates = _better(of_candidates, starts_2[0], _of_columns(score_qc, _k(of_candidates)))
  return _better(of_queries, starts_2[1], _of_rows(score_qc, _k(of_queries))), of_candidates


def _ring(one, of_queries, of_candidates, queries, candidates, starts_2):
  """Each device keeps its queries; candidates go round, and their lists with them, once."""
  device, devices = jax.lax.axis_index(BATCH), jax.lax.axis_size(BATCH)
  to = [(number, (number - 1) % devices) for number in range(devices)]
  sizes_2 = jnp.array([len(queries[0]), len(candidates[0])], jnp.int32)
  none = [_emptied(of) for of in (of_queries, of_candidates)]

  def turn(number, carry):
    of_queries, of_candidates, candidates = carry
    pieces_2 = jnp.stack([device, (device + number) % devices])
    found = one(*none, queries, candidates, starts_2 + pieces_2 * sizes_2)
    of_queries, of_candidates = map(_best_of_both, (of_queries, of_candidates), found)
    on = jax.tree.map(lambda x: jax.lax.ppermute(x, BATCH, to), (of_candidates, candidates))
    return of_queries, *on

  return jax.lax.fori_loop(0, devices, turn, (of_queries, of_candidates, candidates))[:2]


def _emptied(best):
  return None if best is None else (jnp.full_like(best[0], -jnp.inf), jnp.full_like(best[1], -1))


def _best_of_both(one, other):
  """Of two lists, neither of which has all the lower ids: these decide between equal scores."""
  if one is None:
    return None
  scores_qa, ids_qa = (jnp.concatenate(pair, 1) for pair in zip(one, other, strict=True))
  scores_qa, ids_qa = jax.lax.sort((-scores_qa, ids_qa), num_keys=2)
  return -scores_qa[:, : _k(one)], ids_qa[:, : _k(one)]


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
