"""The lines of the two files that are mined, and of the true pairs among them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.data.text_hash import comparison_key, text_hash

SIDES = ("source", "target")


class Text(NamedTuple):
  """The distinct lines of a file.

  `numbers` are the line numbers, from 1, where each of `lines` is first. `row_N` gives the row in
  `lines` of each of the file's N lines.
  """

  lines: list[str]
  numbers: list[int]
  row_N: np.ndarray


def read_text(path: PathLike, *, blanks: bool = False) -> Text:
  """The Text of a file, its lines stripped; blank lines are left out unless `blanks`."""
  row_of: dict[str, int] = {}
  numbers = []
  rows = []
  for number, line in files.read_lines(path):
    line = line.strip()
    if not line and not blanks:
      continue
    if line not in row_of:
      row_of[line] = len(row_of)
      numbers.append(number)
    rows.append(row_of[line])
  if not rows:
    raise InputError(f"{path}: is empty; one sentence a line is needed.")
  return Text(list(row_of), numbers, np.array(rows))


def copied(lines: Sequence[str]) -> np.ndarray:
  """Which of N lines another line equals but for case, punctuation and space: bool [N]."""
  hashes = (text_hash(comparison_key(line)) for line in lines)
  key_N = np.fromiter(hashes, np.uint64, len(lines))
  _, number_N, counts = np.unique(key_N, return_inverse=True, return_counts=True)
  return counts[number_N] > 1


def read_gold(path: PathLike, x: Text, y: Text) -> np.ndarray:
  """Reads true pairs, lines source<TAB>target; returns their rows in the Texts, int [2, G].

  Raises InputError, with file and line, where a side is not a line of its Text.
  """
  row_of_source = _rows(x)
  row_of_target = _rows(y)
  pairs: dict[tuple[int, int], None] = {}  # In the order of the file, each once.
  for number, line in files.read_lines(path):
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) != 2:
      raise InputError(f"{path}:{number}: columns: {len(cells)}; source, tab, target is needed.")
    source, target = cells
    if source not in row_of_source:
      raise InputError(f"{path}:{number}: {source!r} is not a line of --source.")
    if target not in row_of_target:
      raise InputError(f"{path}:{number}: {target!r} is not a line of --target.")
    pairs[row_of_source[source], row_of_target[target]] = None
  if not pairs:
    raise InputError(f"{path}: is empty; source, tab, target is needed.")
  return np.array(list(pairs), int).T


def _rows(text: Text) -> dict[str, int]:
  """Maps each line to its row."""
  return {line: row for row, line in enumerate(text.lines)}
