"""The lines of the two files that are mined, and of the true pairs among them."""

from typing import NamedTuple

import numpy as np

from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.data.text_hash import comparison_key, text_hash

SIDES = ("source", "target")


class Text(NamedTuple):
  """The distinct lines of a file, the numbers at which each is first, and the row of each line."""

  lines: list
  numbers: list
  row_N: np.ndarray


def read_text(path, *, blanks=False):
  """A Text of the lines of a file, stripped; blank ones are left out unless `blanks`."""
  row_of, numbers, rows = {}, [], []
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


def copied(lines):
  """bool [N]: whether another of the lines differs in case, punctuation and space alone."""
  key_N = np.fromiter((text_hash(comparison_key(line)) for line in lines), np.uint64, len(lines))
  _, number_N, counts = np.unique(key_N, return_inverse=True, return_counts=True)
  return counts[number_N] > 1


def read_gold(path, x, y):
  """The rows of true pairs, int [2, G], from source<TAB>target, each a line of its text."""
  row_of = [{line: row for row, line in enumerate(text.lines)} for text in (x, y)]
  pairs = {}
  for number, line in files.read_lines(path):
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) != 2:
      raise InputError(f"{path}:{number}: columns: {len(cells)}; source, tab, target is needed.")
    for side, cell, rows in zip(SIDES, cells, row_of, strict=True):
      if cell not in rows:
        raise InputError(f"{path}:{number}: {cell!r} is no line of --{side}.")
    pairs[row_of[0][cells[0]], row_of[1][cells[1]]] = None
  if not pairs:
    raise InputError(f"{path}: is empty; source, tab, target is needed.")
  return np.array(list(pairs), int).T
