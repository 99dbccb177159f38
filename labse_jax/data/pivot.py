"""Pairs of two languages whose texts translate the same text of a third.

Memory holds 27 bytes for each pair that is given, and some 180 while NumPy sorts them (1.9 million
pairs took 0.33 GB); the texts stay where they are.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from labse_jax.base.errors import known
from labse_jax.data.filters import Filter
from labse_jax.data.sources import Pair
from labse_jax.data.text_hash import text_hash

NO_PIVOT = -1  # No side of a row, or both, are in the language.


def pivoted(
  rows: Iterable[tuple[int, Pair]],
  read_row: Callable[[int], Pair],
  *,
  language: str,
  most: int,
  filters: Sequence[Filter],
) -> Iterator[Pair]:
  """Yields the Pairs that two translations of one text in `language` make, each once.

  `rows` are (place, Pair), and `read_row(place)` is that Pair again. Texts are equal only if they
  are so to the last character. The codes of a pair are in alphabetical order; its origin is
  "pivot-eng" or the like. A text makes `most` pairs at most. Pairs that stand among the rows
  already are left out, and those that one of the `filters` (name, whether it drops a row) drops.
  Raises InputError where no pair has the language.
  """
  columns, codes = _columns(rows, language)
  known("language of --pivot", language, codes)
  for one, other in _places(columns, most).tolist():
    first, second = sorted(
      (_translation(read_row(one), language), _translation(read_row(other), language))
    )
    pair = Pair(first[0], second[0], f"pivot-{language}", first[1], second[1])
    if not any(drops(pair) for _, drops in filters):
      yield pair


def _translation(pair, language):
  """Returns (code, text) of the side that is not in `language`."""
  if pair.source_language == language:
    return pair.target_language, pair.target
  return pair.source_language, pair.source


def _columns(rows, language):
  """Returns ({name: array over the rows}, {code: number}).

  The two sides of a row are in alphabetical order here. `one` and `other` are hashes of them,
  `pivot` is the number of the side in `language`, and `code` the number of the other side's code.
  """
  # Arrays of numbers, not lists of texts: millions of rows stay in memory.
  place_N = array("Q")
  one_N = array("Q")
  other_N = array("Q")
  pivot_N = array("b")
  code_N = array("H")
  codes: dict[str, int] = {}
  for place, pair in rows:
    sides = sorted([(pair.source_language, pair.source), (pair.target_language, pair.target)])
    # Every code is numbered, also of rows without a pivot: an error then names all languages.
    numbers = [codes.setdefault(code, len(codes)) for code, _ in sides]
    of_pivot = [code == language for code, _ in sides]
    # With both sides in the language, neither is the translation of the other's text.
    pivot = of_pivot.index(True) if sum(of_pivot) == 1 else NO_PIVOT
    place_N.append(place)
    one_N.append(text_hash("\t".join(sides[0])))
    other_N.append(text_hash("\t".join(sides[1])))
    pivot_N.append(pivot)
    code_N.append(0 if pivot == NO_PIVOT else numbers[1 - pivot])
  columns = {
    "place": np.frombuffer(place_N, np.uint64),
    "one": np.frombuffer(one_N, np.uint64),
    "other": np.frombuffer(other_N, np.uint64),
    "pivot": np.frombuffer(pivot_N, np.int8),
    "code": np.frombuffer(code_N, np.uint16),
  }
  return columns, codes


def _places(columns, most):
  """Places [P, 2] of two rows that make a pair, ascending."""
  standing = _both(columns["one"], columns["other"])
  has_pivot = columns["pivot"] != NO_PIVOT
  place_N = columns["place"][has_pivot]
  pivot_N = columns["pivot"][has_pivot]
  sides_N2 = np.stack([columns["one"], columns["other"]], 1)[has_pivot]
  rows_N = np.arange(len(pivot_N))
  text_N = sides_N2[rows_N, pivot_N]
  translation_N = sides_N2[rows_N, 1 - pivot_N]
  pairs_P2 = pairs_of_equal(text_N, columns["code"][has_pivot], translation_N, most)

  # Whether a pair stands already. The other way round it would be another number.
  one_P, other_P = translation_N[pairs_P2].T
  as_is_P = _both(one_P, other_P)
  turned_P = _both(other_P, one_P)
  new_P = ~np.isin(as_is_P, standing) & ~np.isin(turned_P, standing)
  # Two texts of the pivot may have the same two translations; their pair is made once.
  first_P = np.zeros(len(new_P), bool)
  first_P[np.unique(np.minimum(as_is_P, turned_P), return_index=True)[1]] = True
  places_P2 = np.sort(place_N[pairs_P2[new_P & first_P]], 1)
  return places_P2[np.lexsort(places_P2.T[::-1])]


def _both(one, other):
  return one * np.uint64(0x9E3779B97F4A7C15) + other  # Modulo 2**64; the order counts.


def pairs_of_equal(
  text_N: np.ndarray, code_N: np.ndarray, order_N: np.ndarray, most: int
) -> np.ndarray:
  """Rows [P, 2] of one text and two codes, each two of them once, at most `most` of a text.

  In the order of `order_N` rows are paired with their neighbours first, then with the next but
  one, so that all rows of a text are used about as often.
  """
  order = np.lexsort((order_N, text_N))
  text_N = text_N[order]
  code_N = code_N[order]
  group_N = np.unique(text_N, return_inverse=True)[1]
  groups = group_N[-1] + 1 if len(group_N) else 0
  left_G = np.full(groups, most)
  found = [np.empty((0, 2), int)]
  distance = 0
  here = np.arange(len(text_N))  # The rows that may still have a partner further on.
  while len(here):
    distance += 1
    here = here[here + distance < len(text_N)]
    here = here[(group_N[here] == group_N[here + distance]) & (left_G[group_N[here]] > 0)]
    pairs = here[code_N[here] != code_N[here + distance]]
    # No more than the text has left: a pair's number within its group says whether it goes.
    group = group_N[pairs]
    number = np.arange(len(group)) - np.searchsorted(group, group)
    pairs = pairs[number < left_G[group]]
    left_G -= np.bincount(group_N[pairs], minlength=groups)
    found.append(np.stack([order[pairs], order[pairs + distance]], 1))
  return np.concatenate(found)
