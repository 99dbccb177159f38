"""The lists of best candidates that an exact search grows, tile by tile.

A list is (scores, ids), best first, of each of some rows. Where nothing is found yet the score is
-inf and the id is -1.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass
class Lists:
  """What a search has found so far.

  `of_queries` has a list for each tile of queries, which every block of candidates improves.
  `of_candidates` has a list for each block of candidates that was searched; it is None where only
  queries are asked for. `counts` are the numbers of queries and of candidates, without padding.
  """

  of_queries: list
  of_candidates: list | None
  counts: tuple

  def joined(self):
    """Joins the lists of each side: [(scores, ids)] of the queries and, if any, the candidates."""
    joined = [_joined(self.of_queries, self.counts[0])]
    if self.of_candidates is not None:
      joined.append(_joined(self.of_candidates, self.counts[1]))
    return joined


def begun(found_before, counts, *, rows, length, both):
  """The Lists that a search begins with: empty ones, or those of a killed search that goes on.

  `found_before` is what `joined` gave then, or None. A tile has `rows` queries, and their lists
  have `length` candidates.
  """
  before_queries = None
  before_candidates = []
  if found_before:
    before_queries, *before_candidates = found_before
  of_queries = _tiles(before_queries, counts[0], rows, length)
  return Lists(of_queries, before_candidates if both else None, counts)


def nothing(count, length):
  """Empty lists (scores, ids) of `count` rows."""
  scores = np.full((count, length), -np.inf, np.float32)
  ids = np.full((count, length), -1, np.int32)
  return scores, ids


def _tiles(found, count, rows, length):
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


def _joined(lists, count):
  """Joins lists into one [scores, ids], without padding."""
  return [np.concatenate(parts)[:count] for parts in zip(*lists, strict=True)]
