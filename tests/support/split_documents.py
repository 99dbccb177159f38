"""Documents with a known alignment: translated lines, some of them split, merged or left out."""

import re

import numpy as np

# What is done with a line, and how often; the rest stay as they are.
SHARES = {"split source": 0.1, "split target": 0.1, "merge source": 0.08, "merge target": 0.08}
SIDES = ("source", "target")
_END = re.compile(r"(?<=[,;:.!?،؛。、，；：！？])(?=\s|(?<=[。、，；：！？]))")


def make(source_lines, target_lines, *, seed, dropped=0.0):
  """(source sentences, target sentences, links) of lines that are translations of each other.

  The share `dropped` of the lines is left out of either document.
  """
  shares = SHARES | {"drop source": dropped, "drop target": dropped}
  shares["keep"] = 1 - sum(shares.values())
  rng = np.random.default_rng(seed)
  pairs = list(zip(source_lines, target_lines, strict=True))
  documents = ([], [])
  links = []
  row = 0
  while row < len(pairs):
    verb, _, side = rng.choice([*shares], p=[*shares.values()]).partition(" ")
    count = 2 if verb == "merge" and row + 1 < len(pairs) else 1
    parts = [list(lines) for lines in zip(*pairs[row : row + count], strict=True)]
    row += count
    if verb != "keep":
      changed = SIDES.index(side)
      parts[changed] = _changed(verb, parts[changed])
    link = []
    for document, part in zip(documents, parts, strict=True):
      link.append(tuple(range(len(document), len(document) + len(part))))
      document += part
    links.append(tuple(link))
  source, target = documents
  return source, target, links


def _changed(verb, lines):
  if verb == "split":
    return _split(lines[0])
  if verb == "drop":
    return []
  return [" ".join(lines)]


def _split(line):
  """The line in two at the punctuation nearest its middle, where both parts have some length."""
  places = [match.start() for match in _END.finditer(line)]
  middle = min(places, key=lambda place: abs(2 * place - len(line)), default=0)
  parts = [line[:middle].strip(), line[middle:].strip()]
  if min(map(len, parts)) < len(line) / 5:
    return [line]
  return parts
