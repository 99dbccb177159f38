"""Pairs of two languages whose texts translate one and the same text of a third.

Memory holds 27 bytes for each pair that is given, and some 180 while NumPy sorts them (1.9 million
pairs took 0.33 GB); the texts stay where they are.
"""

from array import array

import numpy as np

from labse_jax.base.errors import known
from labse_jax.data.sources import Pair
from labse_jax.data.text_hash import text_hash


def pivoted(rows, read_row, *, language, most, filters):
  """Yields the Pairs that two translations of one text in `language` make, each once.

  `rows` are (place, Pair), and `read_row(place)` is that Pair again. Texts are equal to the last
  character. Codes are in alphabetical order, the origin is "pivot-eng" or the like. A text makes
  `most` pairs at most; what stands among the rows already is left out, and what one of the
  `filters` (name, whether it drops a row) drops. Raises InputError where no pair has the language.
  """
  columns, codes = _columns(rows, language)
  known("language of --pivot", language, codes)
  for one, other in _places(columns, most).tolist():
    sides = (_translation(read_row(place), language) for place in (one, other))
    (source_language, source), (target_language, target) = sorted(sides)
    pair = Pair(source_language, target_language, f"pivot-{language}", source, target)
    if not any(drops(pair) for _, drops in filters):
      yield pair


def _sides(pair):
  return [(pair.source_language, pair.source), (pair.target_language, pair.target)]


def _translation(pair, language):
  (side,) = (side for side in _sides(pair) if side[0] != language)
  return side


def _columns(rows, language):
  """({name: array over the rows}, all codes); `pivot` is the side in `language`, -1 for none."""
  types = {"place": "Q", "source": "Q", "target": "Q", "pivot": "b", "code": "H"}
  columns = {name: array(kind) for name, kind in types.items()}
  codes = {}
  for place, pair in rows:
    sides = sorted(_sides(pair))
    numbers = [codes.setdefault(code, len(codes)) for code, _ in sides]
    of_pivot = [code == language for code, _ in sides]
    pivot = of_pivot.index(True) if sum(of_pivot) == 1 else -1
    hashes = (text_hash("\t".join(side)) for side in sides)
    values = (place, *hashes, pivot, numbers[1 - pivot] if pivot >= 0 else 0)
    for name, value in zip(columns, values, strict=True):
      columns[name].append(value)
  return {name: np.frombuffer(values, values.typecode) for name, values in columns.items()}, codes


def _places(columns, most):
  """Places [P, 2] of two rows that make a pair, ascending."""
  standing = _both(columns["source"], columns["target"])
  place_N, pivot_N, code_N = (
    columns[name][columns["pivot"] >= 0] for name in ("place", "pivot", "code")
  )
  sides_NI = np.stack([columns["source"], columns["target"]], 1)[columns["pivot"] >= 0]
  rows_N = np.arange(len(pivot_N))
  text_N, other_N = sides_NI[rows_N, pivot_N], sides_NI[rows_N, 1 - pivot_N]
  pairs_P2 = pairs_of_equal(text_N, code_N, other_N, most)
  # The other way round they would be another number.
  made = [_both(*other_N[pairs_P2[:, order]].T) for order in ([0, 1], [1, 0])]
  new = ~np.isin(made[0], standing) & ~np.isin(made[1], standing)
  first = np.zeros(len(new), bool)
  first[np.unique(np.minimum(*made), return_index=True)[1]] = True
  places_P2 = np.sort(place_N[pairs_P2[new & first]], 1)
  return places_P2[np.lexsort(places_P2.T[::-1])]


def _both(one, other):
  return one * np.uint64(0x9E3779B97F4A7C15) + other  # Modulo 2**64; the order counts.


def pairs_of_equal(text_N, code_N, order_N, most):
  """Rows [P, 2] of one text and two codes, each two of them once, at most `most` of a text.

  In the order of `order_N` rows are paired with their neighbours first, then with the next but
  one, so that all rows of a text are used about as often.
  """
  order = np.lexsort((order_N, text_N))
  text_N, code_N = text_N[order], code_N[order]
  group_N = np.unique(text_N, return_inverse=True)[1]
  left_G = np.full(len(group_N) and group_N[-1] + 1, most)
  found, distance, here = [np.empty((0, 2), int)], 0, np.arange(len(text_N))
  while len(here):
    distance += 1
    here = here[here + distance < len(text_N)]
    here = here[(group_N[here] == group_N[here + distance]) & (left_G[group_N[here]] > 0)]
    pairs = here[code_N[here] != code_N[here + distance]]
    group = group_N[pairs]
    pairs = pairs[np.arange(len(group)) - np.searchsorted(group, group) < left_G[group]]
    left_G -= np.bincount(group_N[pairs], minlength=len(left_G))
    found.append(np.stack([order[pairs], order[pairs + distance]], 1))
  return np.concatenate(found)
