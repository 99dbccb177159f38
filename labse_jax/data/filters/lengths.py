"""Filters that look only at how long a pair's texts are and whether they are equal."""

from collections.abc import Callable
from typing import Protocol, overload

import numpy as np

from labse_jax.data.filters import Filter
from labse_jax.data.sources import Pair


class PairRule(Protocol):
  """Whether a pair is dropped: `equal` says whether its texts are, x and y are their lengths.

  The three describe one pair, or they are arrays over many pairs.
  """

  @overload
  def __call__(self, equal: bool, x: int, y: int, /) -> bool: ...

  @overload
  def __call__(self, equal: np.ndarray, x: np.ndarray, y: np.ndarray, /) -> np.ndarray: ...


def row_filters(*, min_characters: int, max_characters: float, max_ratio: float) -> list[Filter]:
  """The filters of a pair, in the order in which they are asked."""
  rules = pair_rules(
    min_characters=min_characters, max_characters=max_characters, max_ratio=max_ratio
  )
  return [(name, _of_a_row(drops)) for name, drops in rules]


def line_filters(*, min_characters: int, max_characters: float) -> list[Filter]:
  """The same for a line of a document: of its length alone."""
  rules = _length_rules(min_characters, max_characters)
  return [(name, _of_a_row(drops)) for name, drops in rules]


def pair_rules(
  *, min_characters: int, max_characters: float, max_ratio: float
) -> list[tuple[str, PairRule]]:
  """The rules behind `row_filters`, each with its name."""

  def empty(equal, x, y):
    return (x == 0) | (y == 0)

  def identical(equal, x, y):
    return equal

  def lopsided(equal, x, y):
    # Ten characters of grace: short Chinese against long English is a good pair.
    return (x > max_ratio * y + 10) | (y > max_ratio * x + 10)

  return [
    ("empty side", empty),
    ("identical sides", identical),
    *_length_rules(min_characters, max_characters),
    (f"one side over {max_ratio:g} times longer", lopsided),
  ]


def _length_rules(least: int, most: float) -> list[tuple[str, PairRule]]:
  def short(equal, x, y):
    return (x < least) & (y < least)

  def long(equal, x, y):
    return (x > most) | (y > most)

  return [(f"under {least} characters", short), (f"over {most} characters", long)]


def _of_a_row(drops: PairRule) -> Callable[[Pair], bool]:
  def drops_row(row: Pair) -> bool:
    return drops(row.source == row.target, len(row.source), len(row.target))

  return drops_row
