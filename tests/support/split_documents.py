"""Documents with a known alignment: translated lines, some of them split, merged or left out."""

import re

import numpy as np

# What is done with a line, and how often; the rest stay as they are.
SHARES = {"split source": 0.1, "split target": 0.1, "merge source": 0.08, "merge target": 0.08}
_END = re.compile(r"(?<=[,;:.!?،؛。、，；：！？])(?=\s|(?<=[。、，；：！？]))")


def make(source_lines, target_lines, *, seed, dropped=0.0):
  """(source sentences, target sentences, links) of lines that are translations of each other.

  The share `dropped` of the lines is left out of either document.
  """
  shares = SHARES | {"drop source": dropped, "drop target": dropped}
  rng = np.random.default_rng(seed)
  documents, links, row = ([], []), [], 0
  pairs = list(zip(source_lines, target_lines, strict=True))
  while row < len(pairs):
    kind = rng.choice([*shares, "keep"], p=[*shares.values(), 1 - sum(shares.values())])
    count = 2 if kind.startswith("merge") and row + 1 < len(pairs) else 1
    parts = [list(side) for side in zip(*pairs[row : row + count], strict=True)]
    row += count
    verb, _, name = kind.partition(" ")
    side = ("source", "target").index(name) if name else 0
    if verb == "split":
      parts[side] = _split(parts[side][0])
    elif verb == "drop":
      parts[side] = []
    elif verb == "merge":
      parts[side] = [" ".join(parts[side])]
    link = []
    for document, part in zip(documents, parts, strict=True):
      link.append(tuple(range(len(document), len(document) + len(part))))
      document += part
    links.append(tuple(link))
  return *documents, links


def _split(line):
  """The line in two at the punctuation nearest its middle, where both parts have some length."""
  places = [match.start() for match in _END.finditer(line)]
  middle = min(places, key=lambda place: abs(2 * place - len(line)), default=0)
  parts = [line[:middle].strip(), line[middle:].strip()]
  return parts if min(map(len, parts)) >= len(line) / 5 else [line]
