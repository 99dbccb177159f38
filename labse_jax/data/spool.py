"""Rows that wait on disk for a second pass, with hashes of their texts in memory."""

from array import array
from collections.abc import Callable, Iterable, Iterator
import contextlib
import pathlib
from typing import Protocol, TypeVar

import numpy as np

from labse_jax.data.sources import Pair
from labse_jax.data.text_hash import comparison_key, text_hash

ENGLISH = "eng"
HASHES = ("row", "source", "target", "english", "record")
T = TypeVar("T")


class Progress(Protocol):
  """Passes items on, and may show how many there were."""

  def __call__(self, items: Iterable[T], /) -> Iterable[T]: ...


class Spool:
  """A file of rows, one a line, and what `hashes` knows of each.

  Memory holds five numbers of 64 bits for each row; the texts stay on disk.
  """

  def __init__(self, path: pathlib.Path, *, hash_sides: bool) -> None:
    self.path = path
    self.hash_sides = hash_sides
    self._hashes = {name: array("Q") for name in HASHES}

  def fill(self, rows: Iterable[tuple[int, Pair]]) -> None:
    """Writes the rows, each (number of its record, Pair without tabs and line ends)."""
    with open(self.path, "wb") as file:
      for record, row in rows:
        file.write("\t".join(row).encode() + b"\n")
        self._add_hashes(record, row)

  def _add_hashes(self, record, row):
    source = target = english = 0
    if self.hash_sides:
      source = text_hash(comparison_key(row.source))
      target = text_hash(comparison_key(row.target))
      if row.source_language != row.target_language:
        english = {row.source_language: source, row.target_language: target}.get(ENGLISH, 0)
    self._hashes["row"].append(text_hash("\t".join((*row[:2], *row[3:]))))
    self._hashes["source"].append(source)
    self._hashes["target"].append(target)
    self._hashes["english"].append(english)
    self._hashes["record"].append(record)

  def hashes(self) -> dict[str, np.ndarray]:
    """{name: uint64_N}: `row` of all but the origin, `source` and `target` of a side's text.

    `english` is the hash of the English side, 0 where no side, or each side, is English. Those of
    the sides are 0 unless `hash_sides`. `record` is not a hash but the number of the row's record.
    """
    return {name: np.frombuffer(values, np.uint64) for name, values in self._hashes.items()}

  def rows(self, wanted_N: np.ndarray, progress: Progress = iter) -> Iterator[Pair]:
    """Yields the rows that a bool array chooses; `progress` wraps all lines."""
    for _, row in self.places(wanted_N, progress):
      yield row

  def places(self, wanted_N: np.ndarray, progress: Progress = iter) -> Iterator[tuple[int, Pair]]:
    """Yields (place, row) of the same; `reader` finds the row again by its place."""
    place = 0
    with open(self.path, "rb") as file:
      for line, wanted in zip(progress(file), wanted_N, strict=True):
        if wanted:
          yield place, _row(line)
        place += len(line)

  @contextlib.contextmanager
  def reader(self) -> Iterator[Callable[[int], Pair]]:
    """Gives read_row(place), which returns the row at that place."""
    with open(self.path, "rb") as file:

      def read_row(place):
        file.seek(place)
        return _row(file.readline())

      yield read_row


def _row(line: bytes) -> Pair:
  return Pair(*line.decode().removesuffix("\n").split("\t"))
