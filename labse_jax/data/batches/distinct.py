"""Batches in which no sentence stands twice: a pair that repeats one waits for a later batch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
import itertools
import json
from typing import Any, TypeVar
import zlib

import grain
import numpy as np

PIECE = 1024  # Pairs that are packed together, at least.
SCARCE = 1 / 16  # Where fewer of the pairs drawn are new, the rest of the batch stays empty.
PATIENCE = 4  # Batches' worth of pairs that may wait; one more is let go until its next epoch.
Text = TypeVar("Text")


class DistinctBatches(grain.IterDataset):
  """Batches of `size` rows in which no two pairs share a text, on either side.

  `chunks` are arrays of pair indices, endless. `read(indices)` gives each pair's texts.
  `pack(indices)` gives the rows that hold the pairs, dicts with `mask` [slots], `ids` (hashes of
  the texts) [slots, 2] and `index` [slots], which the batches leave out. Pairs that do not go into
  one batch go into the next ones. A batch for which there are too few is filled up with empty rows.
  """

  def __init__(
    self,
    chunks: grain.IterDataset,
    *,
    read: Callable[[np.ndarray], Iterable[Iterable[str]]],
    pack: Callable[[np.ndarray], list[dict[str, np.ndarray]]],
    size: int,
    slots: int,
  ) -> None:
    super().__init__(chunks)
    self.read = read
    self.pack = pack
    self.size = size
    self.slots = slots

  def __iter__(self) -> "_Iterator":
    return _Iterator(iter(self._parent), self)


class _Iterator(grain.DatasetIterator):
  """Between two batches there are `rows` already packed, and `waiting` pairs with their texts."""

  def __init__(self, parent: grain.DatasetIterator, dataset: DistinctBatches) -> None:
    super().__init__(parent)
    self.dataset = dataset
    self.rows: list[dict[str, np.ndarray]] = []
    self.waiting: dict[int, set[int]] = {}
    self.left: str | None = None  # `rows` and `waiting` as text, once somebody has asked for it.

  def __next__(self) -> dict[str, np.ndarray]:
    size = self.dataset.size
    rows = self.rows
    seen: set[int] = set()
    for row in rows:
      seen.update(row["ids"][row["mask"]].ravel().tolist())
    while len(rows) < size:
      indices = self._draw(seen)
      if not indices:
        break
      rows += self.dataset.pack(np.array(indices))
    self.rows = rows[size:]
    self.left = None
    return stacked(rows[:size], size)

  def _draw(self, seen: set[int]) -> list[int]:
    """Indices of pairs none of whose texts are in `seen`, which then has them too."""
    taken, waiting = split_repeats(self.waiting.items(), seen)
    while len(taken) < PIECE:
      chunk = self._texts(next(self._parent))
      new, repeating = split_repeats(chunk, seen)
      taken += new
      waiting |= repeating  # A pair that waits already does so once.
      if len(new) < SCARCE * len(chunk):
        break
    # A text that comes in every other pair would make the line of those that wait endless.
    most = PATIENCE * max(PIECE, self.dataset.size * self.dataset.slots)
    self.waiting = dict(itertools.islice(waiting.items(), most))
    return taken

  def _texts(self, indices: Sequence[int] | np.ndarray) -> list[tuple[int, set[int]]]:
    """(index, set of hashes of its texts) of each pair."""
    pairs = []
    for index, texts in zip(indices, self.dataset.read(np.asarray(indices)), strict=True):
      hashes = {zlib.crc32(text.encode()) for text in texts}
      pairs.append((int(index), hashes))
    return pairs

  def get_state(self) -> dict[str, Any]:
    if self.left is None:
      rows = [row["index"][row["mask"]].tolist() for row in self.rows]
      # Text, since Grain copies the state of every batch, and deeply.
      self.left = json.dumps({"rows": rows, "waiting": list(self.waiting)})
    return {"parent": self._parent.get_state(), "left": self.left}

  def set_state(self, state: dict[str, Any]) -> None:
    self._parent.set_state(state["parent"])
    self.left = state["left"]
    left = json.loads(self.left)
    self.rows = []
    for indices in left["rows"]:
      # The pairs of a row, alone and in the order of its slots, are packed into that row again.
      self.rows += self.dataset.pack(np.array(indices))
    self.waiting = dict(self._texts(left["waiting"])) if left["waiting"] else {}


def split_repeats(
  pairs: Iterable[tuple[int, set[Text]]], seen: set[Text]
) -> tuple[list[int], dict[int, set[Text]]]:
  """([index, ...] of pairs whose texts are new, {index: texts} of the others).

  `pairs` are (index, set of texts); the texts of a pair that is new join the set `seen`.
  """
  new = []
  repeating = {}
  for index, texts in pairs:
    if seen.isdisjoint(texts):
      new.append(index)
      seen |= texts
    else:
      repeating[index] = texts
  return new, repeating


def stacked(rows: Sequence[Mapping[str, np.ndarray]], size: int) -> dict[str, np.ndarray]:
  """One batch of rows, dicts of arrays, and of empty ones up to `size`; without their `index`."""
  batch = {}
  for name, first in rows[0].items():
    if name != "index":
      empty = [np.zeros_like(first)] * (size - len(rows))
      batch[name] = np.stack([row[name] for row in rows] + empty)
  return batch
