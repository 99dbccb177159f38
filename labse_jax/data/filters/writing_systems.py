"""Which script letters are of, as Unicode's table of scripts has it."""

import collections
from collections.abc import Sequence
import functools
import unicodedata

from fontTools.unicodedata import script, script_name
import numpy as np

SAMPLE = 10_000  # Lines that tell a text's script.
# A line is foreign if a smaller share of its letters is of its text's script. In a right line of
# Chinese or Thai, most letters may be of foreign names and words. With a half instead of a quarter,
# 2 to 5 % of the NTREX news sentences in these languages would be taken for foreign; with this,
# 0.2 % are.
LEAST = 0.25
_WRITTEN_TOGETHER = {"Hiragana": "Han", "Katakana": "Han"}
_OF_NO_SCRIPT = {"Common", "Inherited", "Unknown"}


def letters(text: str) -> collections.Counter[str]:
  """How many letters of a text are of each script, by its name in Unicode, such as "Latin"."""
  counts = collections.Counter(map(_script, unicodedata.normalize("NFKC", text)))
  del counts[""]
  return counts


@functools.cache
def _script(character: str) -> str:
  """The script of a letter; "" for any other character, and for letters of more than one script."""
  if not character.isalpha():
    return ""
  name = script_name(script(character))
  return "" if name in _OF_NO_SCRIPT else name


def foreign(lines: Sequence[str]) -> np.ndarray:
  """bool_N: the lines with too few letters of the script that most of the lines are in.

  The scripts of Japanese count as one here, which Chinese shares. Lines without letters are never
  foreign.
  """
  own = main_script(lines[:: max(1, len(lines) // SAMPLE)])
  return np.array([_share(_together(line), own) < LEAST for line in lines], bool)


def main_script(lines: Sequence[str]) -> str:
  """The script that most of the lines have most of their letters in; "" where none has a letter."""
  scripts: collections.Counter[str] = collections.Counter()
  for line in lines:
    counts = _together(line)
    if counts:
      scripts[counts.most_common(1)[0][0]] += 1
  return scripts.most_common(1)[0][0] if scripts else ""


def _together(line: str) -> collections.Counter[str]:
  """The letters of a line by script, where all of Japanese counts as Han."""
  counts: collections.Counter[str] = collections.Counter()
  for name, count in letters(line).items():
    counts[_WRITTEN_TOGETHER.get(name, name)] += count
  return counts


def _share(counts: collections.Counter[str], own: str) -> float:
  return counts[own] / counts.total() if counts else 1
