"""The lists of best candidates that an exact search grows, tile by tile.

A list is (scores, ids), best first, of each of some rows. Where nothing is found yet the score is
-inf and the id is -1.
"""

from collections.abc import Sequence
import dataclasses

import jax
import numpy as np

# (scores float32 [N, k], ids [N, k]), best first.
Nearest = tuple[np.ndarray, np.ndarray]
# The same, of a tile: on the devices once it was searched.
Tile = tuple[np.ndarray | jax.Array, np.ndarray | jax.Array]


@dataclasses.dataclass
class Lists:
  """What a search has found so far.

  `of_queries` has a list for each tile of queries, which every block of candidates improves.
  `of_candidates` has a list for each block of candidates that was searched; it is None where only
  queries are asked for. `counts` are the numbers of queries and of candidates, without padding.
  """

  of_queries: list[Tile]
  of_candidates: list[Tile] | None
  counts: tuple[int, int]

  def joined(self) -> list[Nearest]:
    """Joins the lists of each side: of the queries and, if any, of the candidates."""
    joined = [_joined(self.of_queries, self.counts[0])]
    if self.of_candidates is not None:
      joined.append(_joined(self.of_candidates, self.counts[1]))
    return joined


def begun(
  found_before: Sequence[Nearest] | None,
  counts: tuple[int, int],
  *,
  rows: int,
  length: int,
  both: bool,
) -> Lists:
  """The Lists that a search begins with: empty ones, or those of a killed search that goes on.

  `found_before` is what `joined` gave then, or None. A tile has `rows` queries, and their lists
  have `length` candidates.
  """
  before_queries = None
  before_candidates: list[Tile] = []
  if found_before:
    before_queries = found_before[0]
    before_candidates += found_before[1:]
  of_queries = _tiles(before_queries, counts[0], rows, length)
  return Lists(of_queries, before_candidates if both else None, counts)


def nothing(count: int, length: int) -> Nearest:
  """Empty lists (scores, ids) of `count` rows."""
  scores = np.full((count, length), -np.inf, np.float32)
  ids = np.full((count, length), -1, np.int32)
  return scores, ids


def _tiles(found: Nearest | None, count: int, rows: int, length: int) -> list[Tile]:
  """Cuts what was `found` before into tiles of `rows` queries; None stands for nothing."""
  tiles = -(-max(1, count) // rows)
  no_scores, no_ids = nothing(rows, length)
  if found is None:
    return [(no_scores, no_ids)] * tiles
  scores, ids = found
  scores = np.concatenate([scores, no_scores])  # The last tile is padded.
  ids = np.concatenate([ids, no_ids])
  starts = range(0, tiles * rows, rows)
  return [(scores[start : start + rows], ids[start : start + rows]) for start in starts]


def _joined(lists: Sequence[Tile], count: int) -> Nearest:
  """Joins lists into one (scores, ids), without padding."""
  scores, ids = zip(*lists, strict=True)
  return np.concatenate(scores)[:count], np.concatenate(ids)[:count]
