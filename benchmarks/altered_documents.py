"""Documents with a known alignment: translated lines that are joined, split, dropped and inserted.

A link of the gold alignment is (source places, target places). What is done with the lines:

  join     lines become one sentence of one side (2-1, 3-1, 4-1 and the other way round)
  split    a line becomes sentences of one side (1-2, 1-3, 1-4)
  shift    of two lines, one side has its border elsewhere (2-2)
  drop     lines are missing on one side
  insert   lines of other news stand on one side
  shorten  the second half of a line is missing on one side (1-1)
  trim     one of three parts of a line is missing on one side (1-1)
"""

from collections.abc import Sequence
import re
from typing import NamedTuple

import numpy as np

# How often each is done, as a share of all that is done with a document; the rest stays as it is.
LEVELS = {
  "faithful": {"join": 0.02, "split": 0.02, "drop": 0.005, "insert": 0.005},
  "edited": {
    "join": 0.08,
    "split": 0.08,
    "shift": 0.02,
    "drop": 0.02,
    "insert": 0.02,
    "shorten": 0.05,
  },
  "free": {
    "join": 0.14,
    "split": 0.14,
    "shift": 0.06,
    "drop": 0.04,
    "insert": 0.04,
    "shorten": 0.15,
  },
  # Its lines are dropped on one side alone.
  "abridged": {
    "join": 0.06,
    "split": 0.06,
    "shift": 0.02,
    "drop": 0.1,
    "insert": 0.01,
    "shorten": 0.05,
  },
  # Hardly anything is missing or new, but many sentences say more or less than their partner.
  "loose": {
    "join": 0.14,
    "split": 0.14,
    "shift": 0.06,
    "drop": 0.01,
    "insert": 0.01,
    "trim": 0.4,
  },
}
# How many lines are joined, or parts made of one line; and how many are dropped in a row.
PARTS = {2: 0.7, 3: 0.2, 4: 0.1}
RUNS = {1: 0.6, 2: 0.2, 4: 0.1, 8: 0.1}
NO_SPACES = {"jpn", "yue", "zho-CN", "zho-TW"}
_PUNCTUATION = re.compile(r"(?<=[,;:.!?،؛。、，；：！？।])(?=\s|(?<=[。、，；：！？]))")
_SPACE = re.compile(r"(?<=\S)(?=\s)")

Link = tuple[tuple[int, ...], tuple[int, ...]]


class Altered(NamedTuple):
  """Two documents and the links that are right."""

  sides: tuple[list[str], list[str]]
  links: list[Link]

  def add(self, parts: Sequence[Sequence[str]]) -> None:
    """Adds sentences that are translations; where a side has none, one skip for each."""
    places = []
    for side, part in zip(self.sides, parts, strict=True):
      places.append(tuple(range(len(side), len(side) + len(part))))
      side += part
    source, target = places
    if source and target:
      self.links.append((source, target))
    else:
      self.links.extend(((place,), ()) for place in source)
      self.links.extend(((), (place,)) for place in target)


def make(
  rng: np.random.Generator,
  lines: Sequence[Sequence[str]],
  others: Sequence[Sequence[str]],
  languages: Sequence[str],
  level: str,
) -> Altered:
  """Alters lines ([N], [N]) that are translations of each other; inserts come from `others`."""
  joints = ["" if language in NO_SPACES else " " for language in languages]
  rates = LEVELS[level]
  rates = {**rates, "keep": 1 - sum(rates.values())}
  shorter = int(rng.integers(2))  # The side of an abridged document that lacks lines.
  document = Altered(([], []), [])
  row = 0
  while row < len(lines[0]):
    verb = rng.choice([*rates], p=[*rates.values()])
    side = int(rng.integers(2))
    if verb == "drop" and level == "abridged":
      side = shorter
    count = _count(rng, verb)
    if verb == "insert":
      first = int(rng.integers(len(others[side]) - count))
      parts: list[list[str]] = [[], []]
      parts[side] = list(others[side][first : first + count])
      document.add(parts)
      continue
    parts = [list(of_side[row : row + count]) for of_side in lines]
    row += count
    changed = _changed(rng, verb, parts[side], joints[side])
    if changed is None:
      for pair in zip(*parts, strict=True):
        document.add([[line] for line in pair])
    else:
      parts[side] = changed
      document.add(parts)
  return document


def _count(rng: np.random.Generator, verb: str) -> int:
  """How many lines are changed together."""
  if verb == "shift":
    return 2
  if verb in ("drop", "insert"):
    return int(rng.choice([*RUNS], p=[*RUNS.values()]))
  return _parts(rng) if verb == "join" else 1


def _parts(rng: np.random.Generator) -> int:
  return int(rng.choice([*PARTS], p=[*PARTS.values()]))


def _changed(rng: np.random.Generator, verb: str, lines: list[str], joint: str) -> list[str] | None:
  """What becomes of a side's lines; None where each stays as it is."""
  text = joint.join(lines)
  if verb == "drop":
    return []
  if verb == "join":
    return [text]
  if verb == "split":
    return split(text, _parts(rng))
  if verb == "shorten":
    return split(text, 2)[:1]
  if verb == "trim":
    parts = split(text, 3)
    if len(parts) > 1:
      del parts[int(rng.integers(len(parts)))]
    return [joint.join(parts)]
  if verb == "shift" and len(lines) == 2:
    return _shifted(rng, text, len(lines[0]))
  return None


def split(text: str, count: int) -> list[str]:
  """Up to `count` parts of like length, cut at punctuation, or else at a space."""
  if count == 1:
    return [text]
  cut = _cut(text, len(text) // count, len(text) // (2 * count))
  if cut is None:
    return [text]
  return [text[:cut].strip(), *split(text[cut:].strip(), count - 1)]


def _cut(text: str, place: int, reach: int) -> int | None:
  """The punctuation nearest to a place and less than `reach` off; else the space; None without."""
  for pattern in (_PUNCTUATION, _SPACE):
    places = [match.start() for match in pattern.finditer(text)]
    near = [other for other in places if abs(other - place) < reach]
    if near:
      return min(near, key=lambda other: abs(other - place))
  return None


def _shifted(rng: np.random.Generator, text: str, border: int) -> list[str] | None:
  """Two sentences whose border moved by about half a sentence; None where nothing can be cut."""
  before = bool(rng.integers(2))
  half = border // 2 if before else (len(text) - border) // 2
  cut = _cut(text, border - half if before else border + half, half // 2)
  return None if cut is None else [text[:cut].strip(), text[cut:].strip()]
