"""Exact nearest neighbours by inner product: blocked matrix products and a running top k."""

import jax
import numpy as np

from labse_jax.base.errors import InputError, known
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.neighbours.state import SearchState
from labse_jax.neighbours.tiles import DTYPES, GROUP, merge

QUERIES = 1024  # At a time, of each device; with a block of candidates, 32 MiB of scores.
QUERIES_BOTH = 2048  # 64 MiB: what a candidate costs per tile is shared by more queries.
SHARE = 256  # The fewest queries, and candidates, for which a further device is used.
RESCORED = 512  # Queries whose lists are scored again at a time.


def top_k(queries_ND, candidates_CD, k, *, block=8192, dtype="float32", state=None):
  """The k best candidates of each query: (scores [N, k] float32, ids [N, k] int64), best first.

  Ids of tied scores come in ascending order. With dtype "bfloat16" or "int8" (each row a multiple
  of whole numbers up to 127), products find lists of 2 k + 8, which are then scored in float32: a
  candidate that rounding put further back than that is missed. Arrays may be memory maps, larger
  than memory: `block` candidates and some queries are read at a time, each candidate once, and
  split over the devices of this process. With a folder as `state`, a search that was killed goes
  on, by whole blocks. Raises InputError where there are fewer than k candidates, or where a vector
  is not finite.
  """
  check(queries_ND, candidates_CD, k, dtype)
  lengths = [_length(k, dtype, candidates_CD)]
  (found,), kept = _search(queries_ND, candidates_CD, lengths, block, QUERIES, dtype, state)
  finished = _finished(found, queries_ND, candidates_CD, k, dtype)
  kept.remove()
  return finished


def top_k_both(x_ND, y_MD, k, *, block=8192, dtype="float32", state=None):
  """The k best of y for each x and of x for each y, by one pass over the scores.

  ((scores [N, k], ids [N, k]), (scores [M, k], ids [M, k])), each as of `top_k`. Beyond the
  arrays and what is returned it takes less than a gigabyte: a tile of scores, a block of each side.
  """
  check(x_ND, y_MD, k, dtype)
  check(y_MD, x_ND, k, dtype)
  lengths = [_length(k, dtype, y_MD), _length(k, dtype, x_ND)]
  (of_x, of_y), kept = _search(x_ND, y_MD, lengths, block, QUERIES_BOTH, dtype, state)
  finished_x = _finished(of_x, x_ND, y_MD, k, dtype)
  finished_y = _finished(of_y, y_MD, x_ND, k, dtype)
  kept.remove()
  return finished_x, finished_y


def _length(k, dtype, candidates_CD):
  """How many candidates a list holds until it is finished."""
  length = k if dtype == "float32" else 2 * k + 8
  return min(length, len(candidates_CD))


def check(queries_ND, candidates_CD, k, dtype="float32"):
  """Raises InputError where they cannot be searched."""
  known("dtype", dtype, DTYPES)
  if queries_ND.shape[1] != candidates_CD.shape[1]:
    raise InputError(
      f"Queries have {queries_ND.shape[1]} dimensions, candidates "
      f"{candidates_CD.shape[1]}; they must be of one model."
    )
  if not 1 <= k <= len(candidates_CD):
    raise InputError(f"k = {k}: 1 to {len(candidates_CD):,}, the number of candidates, is allowed.")


def _search(queries_ND, candidates_CD, lengths, block, rows, dtype, state):
  """([(scores, ids) of each query], of each candidate too if lengths are two; their SearchState).

  At most `block` candidates and `rows` queries of each device are a tile. The state is the caller's
  to remove, once what was found is finished.
  """
  both = len(lengths) == 2
  devices = _devices(len(queries_ND), len(candidates_CD))
  rows = _rows_of_a_tile(len(queries_ND), rows, len(devices))
  block = _candidates_of_a_tile(len(candidates_CD), block, lengths[0], len(devices))
  kept = SearchState(state, (queries_ND, candidates_CD), lengths=lengths, block=block, dtype=dtype)
  seen, found_before = kept.read()
  of_queries = _tiles(found_before and found_before[0], len(queries_ND), rows, lengths[0])
  of_candidates = []
  if both and found_before:
    of_candidates.append(found_before[1])

  def found():
    lists = [_joined(of_queries, len(queries_ND))]
    if both:
      lists.append(_joined(of_candidates, len(candidates_CD)))
    return lists

  with jax.set_mesh(make_mesh(devices=devices)):
    # Candidates in the outer loop, so that each is read once; it is often the larger side.
    for first in range(seen, len(candidates_CD), block):
      candidates_cD = _put(read_block(candidates_CD, first, block, "candidate"))
      of_block = _search_block(
        of_queries,
        _nothing(block, lengths[1]) if both else None,
        queries_ND,
        candidates_cD,
        first=first,
        end=len(candidates_CD),
        rows=rows,
        dtype=dtype,
      )
      of_candidates.append(of_block)
      kept.write(first + block, found)
  return found(), kept


def _rows_of_a_tile(queries, most, devices):
  return devices * _even(-(-queries // devices), most)


def _candidates_of_a_tile(candidates, most, k, devices):
  even = _even(-(-candidates // devices), -(-most // devices))
  # A device's piece holds a list of k, and whole groups.
  return devices * max(GROUP, _power_of_two(k), even)


def _even(count, most):
  """The size of equal blocks of `count` in all, no more of them than if each held `most`.

  In blocks of another size a product may be rounded differently, and equal candidates would not
  tie. Several are of whole GROUPs, with little padding; a single one is a power of two, so that of
  the many small searches few are compiled.
  """
  if count <= most:
    return _power_of_two(count)
  blocks = -(-count // most)
  return GROUP * -(-count // (GROUP * blocks))


def _power_of_two(n):
  """The smallest one that is not below n."""
  return 1 << max(n - 1, 0).bit_length()


def _search_block(of_queries, of_block, queries_ND, candidates_cD, *, first, end, rows, dtype):
  """Puts the best of a block of candidates into the lists of all queries; returns its own.

  `first` is the id of the first candidate of the block, `end` one more than the last id of all.
  """
  ends_2 = np.array([len(queries_ND), end], np.int32)
  for n, start in enumerate(range(0, max(1, len(queries_ND)), rows)):
    # Queries are checked once, with the first block.
    queries_qD = read_block(queries_ND, start, rows, "query", check=first == 0)
    starts_2 = np.array([start, first], np.int32)
    behind_2 = starts_2 + (rows, len(candidates_cD))
    of_queries[n], of_block = merge(
      *_put((of_queries[n], of_block, queries_qD)),
      candidates_cD,
      starts_2,
      ends_2,
      whole=bool((behind_2 <= ends_2).all()),
      dtype=dtype,
    )
    jax.block_until_ready(of_queries[n])  # Tiles in flight would each have their scores.
  return of_block


def _devices(queries, candidates):
  """As many of this process's devices as have enough to do."""
  devices = jax.local_devices()
  return devices[: max(1, min(len(devices), queries // SHARE, candidates // SHARE))]


def _put(tree):
  """Onto the devices, split over them."""
  return jax.device_put(tree, batch_sharding(jax.sharding.get_mesh()))


def _tiles(found, count, rows, k):
  """The lists (scores, ids) of `count` queries, `rows` at a time; empty if `found` is None."""
  tiles = -(-max(1, count) // rows)
  no_scores, no_ids = _nothing(rows, k)
  if found is None:
    return [(no_scores, no_ids)] * tiles
  scores, ids = found
  scores = np.concatenate([scores, no_scores])  # The last tile is padded.
  ids = np.concatenate([ids, no_ids])
  starts = range(0, tiles * rows, rows)
  return [(scores[start : start + rows], ids[start : start + rows]) for start in starts]


def _nothing(count, k):
  return np.full((count, k), -np.inf, np.float32), np.full((count, k), -1, np.int32)


def _joined(blocks, count):
  """The lists [scores, ids] of all blocks in one, without padding."""
  return [np.concatenate(parts)[:count] for parts in zip(*blocks, strict=True)]


def read_block(vectors_ND, start, size, name, *, check=True):
  """`size` vectors from `start` on, float32; zeros where there are no more."""
  block_ND = np.asarray(vectors_ND[start : start + size], np.float32)
  if check:
    finite_N = np.isfinite(block_ND).all(axis=1)
    if not finite_N.all():
      raise InputError(f"The vector of {name} {start + int(finite_N.argmin()):,} is not finite.")
  missing = size - len(block_ND)
  if missing:
    block_ND = np.pad(block_ND, ((0, missing), (0, 0)))
  return block_ND


def _finished(found, queries_ND, candidates_CD, k, dtype):
  """(scores, ids) of what a search found; lists of rounded scores are scored again."""
  scores_NK, ids_NK = found
  ids_NK = ids_NK.astype(np.int64)
  if dtype == "float32":
    return scores_NK, ids_NK
  return rescored(ids_NK, queries_ND, candidates_CD, k)


def rescored(ids_NK, queries_ND, candidates_CD, k):
  """The k best of each query's own candidates: (scores, ids) as of `top_k`; id -1 is none."""
  ids_NK = np.sort(ids_NK, 1)  # So that of tied scores the lower id comes first.
  scores = []
  # In parts, since each takes a copy of a vector for every candidate of every query.
  for start in range(0, max(1, len(ids_NK)), RESCORED):
    part = slice(start, start + RESCORED)
    scores.append(_scores(queries_ND[part], candidates_CD, ids_NK[part]))
  scores_NK = np.where(ids_NK < 0, np.float32(-np.inf), np.concatenate(scores))
  order_Nk = np.argsort(-scores_NK, axis=1, kind="stable")[:, :k]
  return np.take_along_axis(scores_NK, order_Nk, 1), np.take_along_axis(ids_NK, order_Nk, 1)


def _scores(queries_qD, candidates_CD, ids_qK):
  candidates_qKD = np.asarray(candidates_CD[ids_qK], np.float32)
  return np.einsum("qd,qkd->qk", np.asarray(queries_qD, np.float32), candidates_qKD)
