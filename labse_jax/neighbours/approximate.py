"""Approximate nearest neighbours by faiss's IVF-PQ index (Jegou et al. 2011), for many millions."""

from typing import NamedTuple

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.neighbours import exact
from labse_jax.neighbours.lists import Nearest

try:
  import faiss
except ImportError as error:
  raise InputError(f"faiss is needed: pip install 'labse_jax[faiss]' ({error}).") from None

FEWEST = 10_000  # Candidates; faiss asks for 39 for each of a code's 256 centroids.
PER_LIST = 40  # Vectors that train the centroid of an inverted list.
PROBED = 64  # Lists that are searched for each query; few vectors have few lists.
BLOCK = 65_536  # Vectors that are read at a time.


class Found(NamedTuple):
  """What `exact.top_k_both` gives, and the share of true neighbours that each direction found."""

  near_x: Nearest
  near_y: Nearest
  recall_x: float
  recall_y: float


def top_k_both(x_ND: np.ndarray, y_MD: np.ndarray, k: int, *, sample: int = 1000) -> Found:
  """Finds about what `exact.top_k_both` finds, as Found; the index misses some neighbours.

  Scores are exact, and every list is full. `sample` queries a side, spread evenly, are searched
  exactly too, to measure recall. Arrays may be memory maps. Raises InputError where a side has
  fewer than 10,000 vectors, and where `exact.top_k_both` does.
  """
  for queries, candidates in ((x_ND, y_MD), (y_MD, x_ND)):
    exact.check(queries, candidates, k)
    if len(candidates) < FEWEST:
      raise InputError(
        f"{len(candidates):,} vectors are too few for an index; {FEWEST:,} are "
        "needed, and for fewer exact search is fast."
      )
  near_x, recall_x = _top_k(x_ND, y_MD, k, sample)
  near_y, recall_y = _top_k(y_MD, x_ND, k, sample)
  return Found(near_x, near_y, recall_x, recall_y)


def _top_k(
  queries_ND: np.ndarray, candidates_CD: np.ndarray, k: int, sample: int
) -> tuple[Nearest, float]:
  """Searches one direction; returns ((scores, ids) of each query, their recall)."""
  index = _index(candidates_CD)
  scores = []
  ids = []
  for block_ND in _blocks(queries_ND, "query"):
    block_scores, block_ids = _search(index, block_ND, candidates_CD, k)
    scores.append(block_scores)
    ids.append(block_ids)
  scores_Nk = np.concatenate(scores)
  rows_S = np.linspace(0, len(queries_ND) - 1, min(sample, len(queries_ND))).astype(int)
  exact_Sk, _ = exact.top_k(queries_ND[rows_S], candidates_CD, k)
  return (scores_Nk, np.concatenate(ids)), recall(scores_Nk[rows_S], exact_Sk)


def recall(scores_Sk: np.ndarray, exact_Sk: np.ndarray) -> float:
  """The share of neighbours that score no worse than the last of the k true ones."""
  return float((scores_Sk >= exact_Sk[:, -1:] - 1e-6).mean())


def _index(candidates_CD):
  """An index of all candidates, trained on an even sample of them."""
  count, width = candidates_CD.shape
  lists = 1 << int(np.log2(4 * np.sqrt(count)))
  # Bytes of a code: about an eighth of the width; they must divide it.
  code = max(n for n in range(1, max(1, width // 8) + 1) if width % n == 0)
  # "np" leaves out the order of codes for polysemous search: it is not used and takes longest.
  index = faiss.index_factory(width, f"IVF{lists},PQ{code}np", faiss.METRIC_INNER_PRODUCT)
  faiss.extract_index_ivf(index).nprobe = PROBED
  step = max(1, count // max(FEWEST, PER_LIST * lists))
  index.train(_every(step, candidates_CD))
  for block_ND in _blocks(candidates_CD, "candidate"):
    index.add(block_ND)
  return index


def _every(step, candidates_CD):
  """Every `step`-th vector of each block."""
  # Copied: a view would keep its whole block in memory.
  parts = [block_ND[::step].copy() for block_ND in _blocks(candidates_CD, "candidate")]
  return np.concatenate(parts)


def _blocks(vectors_ND, name):
  """Yields the vectors as blocks, float32."""
  for start in range(0, len(vectors_ND), BLOCK):
    size = min(BLOCK, len(vectors_ND) - start)
    yield np.ascontiguousarray(exact.read_block(vectors_ND, start, size, name))


def _search(index, queries_ND, candidates_CD, k):
  """The k best by exact scores of the 8 k + 64 that the index finds, as (scores, ids).

  Queries for which it finds fewer than k are searched exactly.
  """
  length = min(8 * k + 64, len(candidates_CD))
  _, near_ids_NK = index.search(queries_ND, length)
  scores_Nk, ids_Nk = exact.rescored(near_ids_NK, queries_ND, candidates_CD, k)
  lacking_S = np.flatnonzero(ids_Nk[:, -1] < 0)
  if len(lacking_S):
    scores_Nk[lacking_S], ids_Nk[lacking_S] = exact.top_k(queries_ND[lacking_S], candidates_CD, k)
  return scores_Nk, ids_Nk
