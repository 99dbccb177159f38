"""The scripts that letters are of, as their Unicode names begin."""

import collections
import functools
import unicodedata

import numpy as np

SAMPLE = 10_000  # Lines that tell a text's script.
# The least part of a line's letters that are of its text's script. Names and words of other
# languages may make most of a right line of Chinese or Thai: with a half instead of a quarter, 2 to
# 5 % of the news sentences of NTREX in these would be taken for foreign, and with this 0.2 %.
LEAST = 0.25
_WRITTEN_TOGETHER = dict.fromkeys(("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"), "CJK")


def letters(text):
  """How many letters of a text are of each script, as "LATIN" or "CJK": a Counter."""
  counts = collections.Counter(map(_script, unicodedata.normalize("NFKC", text)))
  del counts[""]
  return counts


@functools.cache
def _script(character):
  return unicodedata.name(character, "?").split()[0] if character.isalpha() else ""


def foreign(lines):
  """bool_N: the lines with too few letters of the script that most of the lines are in.

  Japanese is written in one script here, which Chinese shares. Lines without letters are never
  foreign.
  """
  own = main_script(lines[:: max(1, len(lines) // SAMPLE)])
  shares = (_share(_together(line), own) for line in lines)
  return np.fromiter((share < LEAST for share in shares), bool, len(lines))


def main_script(lines):
  """The script that most of the lines have most of their letters in; "" where none has a letter."""
  counts = filter(None, map(_together, lines))
  scripts = collections.Counter(max(count, key=count.get) for count in counts)
  return max(scripts, key=scripts.get, default="")


def _together(line):
  counts = collections.Counter()
  for script, count in letters(line).items():
    counts[_WRITTEN_TOGETHER.get(script, script)] += count
  return counts


def _share(counts, script):
  return counts[script] / counts.total() if counts else 1
