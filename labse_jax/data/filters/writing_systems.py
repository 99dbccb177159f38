"""Which script letters are of: the first word of their Unicode names."""

import collections
import functools
import unicodedata

import numpy as np

SAMPLE = 10_000  # Lines that tell a text's script.
# A line is foreign if a smaller share of its letters is of its text's script. In a right line of
# Chinese or Thai, most letters may be of foreign names and words. With a half instead of a quarter,
# 2 to 5 % of the NTREX news sentences in these languages would be taken for foreign; with this,
# 0.2 % are.
LEAST = 0.25
_WRITTEN_TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK"}


def letters(text):
  """How many letters of a text are of each script, as "LATIN" or "CJK": a Counter."""
  counts = collections.Counter(map(_script, unicodedata.normalize("NFKC", text)))
  del counts[""]
  return counts


@functools.cache
def _script(character):
  """The script of a letter; "" for any other character."""
  if not character.isalpha():
    return ""
  return unicodedata.name(character, "?").split()[0]


def foreign(lines):
  """bool_N: the lines with too few letters of the script that most of the lines are in.

  The scripts of Japanese count as one here, which Chinese shares. Lines without letters are never
  foreign.
  """
  own = main_script(lines[:: max(1, len(lines) // SAMPLE)])
  return np.array([_share(_together(line), own) < LEAST for line in lines], bool)


def main_script(lines):
  """The script that most of the lines have most of their letters in; "" where none has a letter."""
  scripts = collections.Counter()
  for line in lines:
    counts = _together(line)
    if counts:
      scripts[max(counts, key=counts.get)] += 1
  return max(scripts, key=scripts.get, default="")


def _together(line):
  """The letters of a line by script, where all of Japanese counts as CJK."""
  counts = collections.Counter()
  for script, count in letters(line).items():
    counts[_WRITTEN_TOGETHER.get(script, script)] += count
  return counts


def _share(counts, script):
  return counts[script] / counts.total() if counts else 1
