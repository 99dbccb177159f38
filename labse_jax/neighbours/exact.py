"""Exact nearest neighbours by inner product: blocked matrix products and a running top k."""

import jax
import numpy as np

from labse_jax.base.errors import InputError, known
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.base.types import PathLike
from labse_jax.neighbours import lists as search_lists
from labse_jax.neighbours.lists import Nearest
from labse_jax.neighbours.settings import DTYPES
from labse_jax.neighbours.state import SearchState
from labse_jax.neighbours.tiles import GROUP, merge

QUERIES = 1024  # Of each device at a time; with a block of candidates, 32 MiB of scores.
QUERIES_BOTH = 2048  # 64 MiB: more queries share what a candidate costs for each tile.
SHARE = 256  # A further device is used for each so many queries and candidates.
RESCORED = 512  # Queries at a time whose lists are scored again.


def top_k(
  queries_ND: np.ndarray,
  candidates_CD: np.ndarray,
  k: int,
  *,
  block: int = 8192,
  dtype: str = "float32",
  state: PathLike | None = None,
) -> Nearest:
  """The k best candidates of each query: (scores [N, k] float32, ids [N, k] int64), best first.

  Ids of tied scores come in ascending order. Arrays may be memory maps, larger than memory: `block`
  candidates and some queries are read at a time, each candidate once, and split over the devices
  of this process. With dtype "bfloat16" or "int8" (each row a multiple of whole numbers up to 127),
  rounded products find lists of 2 k + 8, which are then scored in float32; a candidate that
  rounding puts behind these is missed. `state` is a folder: a search that was killed goes on from
  the last blocks in it. Raises InputError where there are fewer than k candidates, or where a
  vector is not finite.
  """
  check(queries_ND, candidates_CD, k, dtype)
  (found,), kept = _search(
    queries_ND, candidates_CD, k=k, rows=QUERIES, block=block, dtype=dtype, both=False, state=state
  )
  finished = _finished(found, queries_ND, candidates_CD, k, dtype)
  kept.remove()
  return finished


def top_k_both(
  x_ND: np.ndarray,
  y_MD: np.ndarray,
  k: int,
  *,
  block: int = 8192,
  dtype: str = "float32",
  state: PathLike | None = None,
) -> tuple[Nearest, Nearest]:
  """The k best of y for each x and the k best of x for each y, by one pass over the scores.

  Returns ((scores [N, k], ids [N, k]), (scores [M, k], ids [M, k])), each as `top_k` gives them.
  Beyond the arrays and what is returned it takes less than a gigabyte: a tile of scores and a
  block of each side.
  """
  check(x_ND, y_MD, k, dtype)
  if k > len(x_ND):
    raise InputError(
      f"k = {k}: 1 to {len(x_ND):,}, the number of queries, is allowed;"
      " top_k finds the neighbours of one side alone."
    )
  (found_x, found_y), kept = _search(
    x_ND, y_MD, k=k, rows=QUERIES_BOTH, block=block, dtype=dtype, both=True, state=state
  )
  finished_x = _finished(found_x, x_ND, y_MD, k, dtype)
  finished_y = _finished(found_y, y_MD, x_ND, k, dtype)
  kept.remove()
  return finished_x, finished_y


def check(
  queries_ND: np.ndarray, candidates_CD: np.ndarray, k: int, dtype: str = "float32"
) -> None:
  """Raises InputError where these vectors cannot be searched."""
  known("dtype", dtype, DTYPES)
  for name, vectors in (("Queries", queries_ND), ("Candidates", candidates_CD)):
    if np.ndim(vectors) != 2:
      raise InputError(
        f"{name} have shape {list(np.shape(vectors))}; [N, D] is needed, [1, D] for one vector."
      )
  if queries_ND.shape[1] != candidates_CD.shape[1]:
    raise InputError(
      f"Queries have {queries_ND.shape[1]} dimensions, candidates "
      f"{candidates_CD.shape[1]}; they must be of one model."
    )
  if not 1 <= k <= len(candidates_CD):
    raise InputError(f"k = {k}: 1 to {len(candidates_CD):,}, the number of candidates, is allowed.")


def _search(
  queries_ND: np.ndarray,
  candidates_CD: np.ndarray,
  *,
  k: int,
  rows: int,
  block: int,
  dtype: str,
  both: bool,
  state: PathLike | None,
) -> tuple[list[Nearest], SearchState]:
  """Searches tile by tile, in one direction or in both.

  Returns what `Lists.joined` gives and the SearchState, which the caller removes once it has
  finished these lists: with rounded products they are longer than k. A tile has at most `block`
  candidates, and at most `rows` queries for each device.
  """
  lengths = [_length(k, dtype, candidates_CD)]
  if both:
    lengths.append(_length(k, dtype, queries_ND))
  devices = _devices(len(queries_ND), len(candidates_CD))
  rows = _rows_of_a_tile(len(queries_ND), rows, len(devices))
  block = _candidates_of_a_tile(len(candidates_CD), block, lengths[0], len(devices))
  kept = SearchState(state, (queries_ND, candidates_CD), lengths=lengths, block=block, dtype=dtype)
  seen, found_before = kept.read()
  counts = (len(queries_ND), len(candidates_CD))
  lists = search_lists.begun(found_before, counts, rows=rows, length=lengths[0], both=both)
  with jax.set_mesh(make_mesh(devices=devices)):
    # Candidates in the outer loop, so that each is read once; it is often the larger side.
    for first in range(seen, len(candidates_CD), block):
      candidates_cD = _put(read_block(candidates_CD, first, block, "candidate"))
      of_block = search_lists.nothing(block, lengths[1]) if both else None
      _search_block(lists, of_block, queries_ND, candidates_cD, first=first, rows=rows, dtype=dtype)
      kept.write(first + block, lists.joined)
  return lists.joined(), kept


def _length(k, dtype, candidates_CD):
  """How many candidates a list holds until it is finished."""
  length = k if dtype == "float32" else 2 * k + 8
  return min(length, len(candidates_CD))


def _rows_of_a_tile(queries, most, devices):
  """How many queries a tile has, over all devices."""
  return devices * _even(-(-queries // devices), most)


def _candidates_of_a_tile(candidates, most, length, devices):
  """How many candidates a tile has, over all devices."""
  even = _even(-(-candidates // devices), -(-most // devices))
  # A device's piece holds a whole list, and whole groups.
  return devices * max(GROUP, _power_of_two(length), even)


def _even(count, most):
  """Returns the size of equal blocks that hold `count` in all, as few as blocks of `most` would be.

  All blocks have one size: in another, a product may be rounded differently, and equal candidates
  would not tie. Several blocks have whole GROUPs, with little padding. A single block is a power of
  two, so that many small searches compile few programs.
  """
  if count <= most:
    return _power_of_two(count)
  blocks = -(-count // most)
  return GROUP * -(-count // (GROUP * blocks))


def _power_of_two(n):
  """The smallest power of two that is at least n."""
  return 1 << max(n - 1, 0).bit_length()


def _search_block(lists, of_block, queries_ND, candidates_cD, *, first, rows, dtype):
  """Improves the lists of all queries by a block of candidates, and adds the block's own lists.

  `first` is the id of the first candidate of the block. `of_block` are empty lists, or None where
  only queries are asked for.
  """
  ends_2 = np.array(lists.counts, np.int32)
  for tile, of_tile in enumerate(lists.of_queries):
    start = tile * rows
    # Queries are checked once, with the first block.
    queries_qD = read_block(queries_ND, start, rows, "query", check=first == 0)
    starts_2 = np.array([start, first], np.int32)
    behind_2 = starts_2 + (rows, len(candidates_cD))
    lists.of_queries[tile], of_block = merge(
      *_put((of_tile, of_block, queries_qD)),
      candidates_cD,
      starts_2,
      ends_2,
      whole=bool((behind_2 <= ends_2).all()),
      dtype=dtype,
    )
    jax.block_until_ready(lists.of_queries[tile])  # Tiles in flight would each have their scores.
  if of_block is not None:
    lists.of_candidates.append(of_block)


def _devices(queries, candidates):
  """This process's devices, as many of them as have enough to do."""
  devices = jax.local_devices()
  return devices[: max(1, min(len(devices), queries // SHARE, candidates // SHARE))]


def _put(tree):
  """Puts arrays onto the devices, split over them."""
  return jax.device_put(tree, batch_sharding(jax.sharding.get_mesh()))


def read_block(
  vectors_ND: np.ndarray, start: int, size: int, name: str, *, check: bool = True
) -> np.ndarray:
  """Returns `size` vectors from `start` on, float32, with zeros behind the last.

  Raises InputError, with the `name` of the side, where a vector is not finite.
  """
  block_ND = np.asarray(vectors_ND[start : start + size], np.float32)
  if check:
    finite_N = np.isfinite(block_ND).all(axis=1)
    if not finite_N.all():
      raise InputError(f"The vector of {name} {start + int(np.argmin(finite_N)):,} is not finite.")
  missing = size - len(block_ND)
  if missing:
    block_ND = np.pad(block_ND, ((0, missing), (0, 0)))
  return block_ND


def _finished(
  found: Nearest, queries_ND: np.ndarray, candidates_CD: np.ndarray, k: int, dtype: str
) -> Nearest:
  """Returns the k best as (scores, ids), from a list that was found; rounded ones are rescored."""
  scores_NK, ids_NK = found
  ids_NK = ids_NK.astype(np.int64)
  if dtype == "float32":
    return scores_NK, ids_NK
  return rescored(ids_NK, queries_ND, candidates_CD, k)


def rescored(
  ids_NK: np.ndarray, queries_ND: np.ndarray, candidates_CD: np.ndarray, k: int
) -> Nearest:
  """The k best of each query's own candidates, (scores, ids) as `top_k` gives them.

  An id of -1 stands for no candidate.
  """
  ids_NK = np.sort(ids_NK, 1)  # So that ids of tied scores come in ascending order.
  scores = []
  # In parts, since each takes a copy of a vector for every candidate of every query.
  for start in range(0, max(1, len(ids_NK)), RESCORED):
    part = slice(start, start + RESCORED)
    scores.append(_scores(queries_ND[part], candidates_CD, ids_NK[part]))
  scores_NK = np.where(ids_NK < 0, np.float32(-np.inf), np.concatenate(scores))
  order_Nk = np.argsort(-scores_NK, axis=1, kind="stable")[:, :k]
  return np.take_along_axis(scores_NK, order_Nk, 1), np.take_along_axis(ids_NK, order_Nk, 1)


def _scores(queries_qD, candidates_CD, ids_qK):
  """The inner products [q, K] of each query and its own candidates."""
  candidates_qKD = np.asarray(candidates_CD[ids_qK], np.float32)
  return np.einsum("qd,qkd->qk", np.asarray(queries_qD, np.float32), candidates_qKD)
