"""Which pairs of texts may be mined."""

import collections
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from labse_jax.data.filters import language_id, writing_systems
from labse_jax.data.filters.lengths import pair_rules

if TYPE_CHECKING:  # Late: `--help` does not wait for JAX.
  from labse_jax.neighbours.margin import Allowed

UNLIMITED = float("inf")


class AllowedPairs:
  """Tells which pairs of rows of two lists no filter refuses: call it (row_x_P, row_y_P) -> bool_P.

  The filters are those of `prepare`. They refuse equal texts, pairs whose longer side has fewer
  than `min_characters`, and pairs with one side over `max_ratio` times longer than the other, with
  ten characters of grace. With `one_script`, they refuse lines that are not in the script of most
  lines of their side; with `languages`, a code for each side, lines that are not in that language.
  """

  def __init__(
    self,
    sources: Sequence[str],
    targets: Sequence[str],
    *,
    min_characters: int,
    max_ratio: float,
    one_script: bool = False,
    languages: Sequence[str] | None = None,
  ) -> None:
    sides = (sources, targets)
    self._targets = len(targets)
    self._filters = _pair_filters(*sides, min_characters, max_ratio)
    if one_script:
      foreign = [writing_systems.foreign(side) for side in sides]
      self._filters.append(("not in its side's script", _refuse_lines(*foreign)))
    if languages:
      foreign = _in_another_language(sides, languages)
      self._filters.append(("not in its side's language", _refuse_lines(*foreign)))
    self._refused: dict[str, list[np.ndarray]] = collections.defaultdict(list)

  def __call__(self, row_x_P: np.ndarray, row_y_P: np.ndarray) -> np.ndarray:
    allowed_P = np.ones(len(row_x_P), bool)
    for name, refuses in self._filters:
      refused_P = allowed_P & refuses(row_x_P, row_y_P)
      # Both directions, and more than one call, may ask for the same pair.
      self._refused[name].append(row_x_P[refused_P] * self._targets + row_y_P[refused_P])
      allowed_P &= ~refused_P
    return allowed_P

  def refused(self) -> dict[str, int]:
    """Counts the distinct pairs that each filter was the first to refuse: {its name: count}.

    Filters that refused nothing are left out.
    """
    counts = {}
    for name, codes in self._refused.items():
      count = len(np.unique(np.concatenate(codes)))
      if count:
        counts[name] = count
    return counts


def _pair_filters(
  sources: Sequence[str], targets: Sequence[str], min_characters: int, max_ratio: float
) -> list[tuple[str, "Allowed"]]:
  """The filters that look at both texts: [(name, refuses)]."""
  length_N = _lengths(sources)
  length_M = _lengths(targets)
  text_N, text_M = _equal_texts(sources, targets)

  def of_rows(drops):
    def refuses(row_x_P, row_y_P):
      equal_P = text_N[row_x_P] == text_M[row_y_P]
      return drops(equal_P, length_N[row_x_P], length_M[row_y_P])

    return refuses

  rules = pair_rules(min_characters=min_characters, max_characters=UNLIMITED, max_ratio=max_ratio)
  return [(name, of_rows(drops)) for name, drops in rules]


def _lengths(texts: Sequence[str]) -> np.ndarray:
  return np.fromiter(map(len, texts), int, len(texts))


def _equal_texts(sources: Sequence[str], targets: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
  """Numbers the texts of both sides, [N] and [M]: equal texts have equal numbers."""
  number_of = {text: number for number, text in enumerate(targets)}
  text_N = np.fromiter((number_of.get(text, -1) for text in sources), int, len(sources))
  text_M = np.fromiter((number_of[text] for text in targets), int, len(targets))
  return text_N, text_M


def _in_another_language(
  sides: Sequence[Sequence[str]], languages: Sequence[str]
) -> list[np.ndarray]:
  """Which lines of each side are not in the language of their side: bool [N] and [M]."""
  # Both languages are looked up before the many lines are judged: one may be unknown.
  judges = [language_id.foreign_to(language) for language in languages]
  foreign = []
  for judge, side in zip(judges, sides, strict=True):
    foreign.append(np.fromiter(map(judge, side), bool, len(side)))
  return foreign


def _refuse_lines(foreign_N: np.ndarray, foreign_M: np.ndarray) -> "Allowed":
  """Makes a filter of the foreign lines of both sides."""

  def refuses(row_x_P: np.ndarray, row_y_P: np.ndarray) -> np.ndarray:
    return foreign_N[row_x_P] | foreign_M[row_y_P]

  return refuses
