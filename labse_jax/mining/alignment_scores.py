"""Precision, recall and F1 of a sentence alignment, as Vecalign's scorer counts them."""

from collections.abc import Collection, Iterable, Sequence
import re
from typing import NamedTuple

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.base.types import PathLike
from labse_jax.data.visible_text import is_blank

# (source places, target places) of sentences that are translations of each other.
Places = tuple[tuple[int, ...], tuple[int, ...]]
_LINE = re.compile(r"\s*\[([\d\s,]*)\]\s*:\s*\[([\d\s,]*)\]\s*(:.*)?")


def read_gold(path: PathLike, sizes: Sequence[int]) -> list[Places]:
  """Reads links, (source places, target places), from lines such as `[0, 1]:[0]`.

  A place is the number of a line, from 0. Whatever follows a second colon is ignored. Raises
  InputError, with file and line, for a line of another form, and for a place that the documents, of
  `sizes` lines, do not have.
  """
  links: list[Places] = []
  for number, line in read_lines(path):
    if is_blank(line):
      continue
    match = _LINE.fullmatch(line)
    if match is None:
      raise InputError(f"{path}:{number}: not of the form [0, 1]:[0], places from 0.")
    link = (_numbers(match[1]), _numbers(match[2]))
    for name, places, size in zip(("source", "target"), link, sizes, strict=True):
      if places and max(places) >= size:
        raise InputError(
          f"{path}:{number}: place {max(places)}, and the {name} has lines 0 to {size - 1}."
        )
    links.append(link)
  if not _pairs(links):
    raise InputError(f"{path}: has no pair; lines such as [0, 1]:[0] are needed.")
  return links


def _numbers(text: str) -> tuple[int, ...]:
  return tuple(map(int, re.findall(r"\d+", text)))


class Counts(NamedTuple):
  """Of how many links are right; those of several documents can be added up.

  `found` links are right as precision counts, `gold` pairs as recall does.
  """

  found_strict: int
  found_lax: int
  found: int
  gold_strict: int
  gold_lax: int
  gold: int


def scores(found: Collection[Places], gold: Collection[Places]) -> dict[str, dict[str, float]]:
  """Scores links against gold ones: {"strict": {"precision", "recall", "f1"}, "lax": the same}.

  In the strict sense, a link is right if it is a gold one. In the lax sense, it is also right if it
  shares a source and a target sentence with a gold one. Links with an empty side count in precision
  only.
  """
  return scores_of(counts(found, gold))


def counts(found: Collection[Places], gold: Collection[Places]) -> Counts:
  """The Counts that `scores` come from."""
  of_found = _right(set(found), set(gold))
  of_gold = _right(set(_pairs(gold)), set(_pairs(found)))
  return Counts(*of_found, *of_gold)


def scores_of(counted: Sequence[float]) -> dict[str, dict[str, float]]:
  """The scores, as `scores` gives them, of Counts or of sums of them."""
  found_strict, found_lax, found, gold_strict, gold_lax, gold = counted
  return {
    "strict": _with_f1(found_strict / max(1, found), gold_strict / max(1, gold)),
    "lax": _with_f1(found_lax / max(1, found), gold_lax / max(1, gold)),
  }


def _with_f1(precision: float, recall: float) -> dict[str, float]:
  f1 = 0.0
  if precision + recall:
    f1 = 2 * precision * recall / (precision + recall)
  return {"precision": precision, "recall": recall, "f1": f1}


def _right(links: set[Places], others: set[Places]) -> tuple[int, int, int]:
  """How many links are right (strict, lax), among `others` or overlapping with one; and of all."""
  joined: set[tuple[int, int]] = set()
  for link in others:
    joined.update(_joined(link))
  strict = len(links & others)
  lax = strict
  for link in links - others:
    if not joined.isdisjoint(_joined(link)):
      lax += 1
  return strict, lax, len(links)


def _joined(link: Places) -> list[tuple[int, int]]:
  """Each (source sentence, target sentence) that a link joins."""
  source, target = link
  return [(i, j) for i in source for j in target]


def _pairs(links: Iterable[Places]) -> list[Places]:
  """The links of which neither side is empty."""
  return [(source, target) for source, target in links if source and target]
