"""Batches in which no sentence stands twice: a pair that repeats one waits for a later batch."""

import json
import zlib

import grain
import numpy as np

PIECE = 1024  # Pairs that are packed together, at least.
SCARCE = 1 / 16  # Where fewer of the pairs drawn are new, the rest of the batch stays empty.
PATIENCE = 4  # Batches' worth of pairs that may wait; one more is let go until its next epoch.


class DistinctBatches(grain.IterDataset):
  """Batches of `size` rows in which no two pairs share a text, on either side.

  `chunks` are arrays of pair indices, endless. `read(indices)` gives each pair's texts,
  `pack(indices)` the rows that hold them, dicts with `mask` [slots], `ids` (hashes of the texts)
  [slots, 2] and `index` [slots], which the batches do not have. What does not go into one batch
  goes into the next ones; a batch for which there is not enough is filled up with empty rows.
  """

  def __init__(self, chunks, *, read, pack, size, slots):
    super().__init__(chunks)
    self.read, self.pack, self.size, self.slots = read, pack, size, slots

  def __iter__(self):
    return _Iterator(iter(self._parent), self)


class _Iterator(grain.DatasetIterator):
  """Between two batches there are `rows` already packed, and `waiting` pairs with their texts."""

  def __init__(self, parent, made_by):
    super().__init__(parent)
    self.made_by, self.rows, self.waiting, self.left = made_by, [], {}, None

  def __next__(self):
    rows, seen = self.rows, set()
    for row in rows:
      seen.update(row["ids"][row["mask"]].ravel().tolist())
    while len(rows) < self.made_by.size:
      indices = self._draw(seen)
      if not indices:
        break
      rows += self.made_by.pack(np.array(indices))
    batch, self.rows = rows[: self.made_by.size], rows[self.made_by.size :]
    self.left = None
    return stacked(batch, self.made_by.size)

  def _draw(self, seen):
    """Indices of pairs none of whose texts are in `seen`, which then has them too."""
    taken, waiting = split_repeats(self.waiting.items(), seen)
    while len(taken) < PIECE:
      chunk = self._texts(next(self._parent))
      new, repeating = split_repeats(chunk, seen)
      taken += new
      waiting |= repeating  # A pair that waits already does so once.
      if len(new) < SCARCE * len(chunk):
        break
    most = PATIENCE * max(PIECE, self.made_by.size * self.made_by.slots)
    self.waiting = dict(list(waiting.items())[:most])
    return taken

  def _texts(self, indices):
    """[(index, hashes of its texts)]"""
    texts = self.made_by.read(np.asarray(indices))
    hashes = ({zlib.crc32(text.encode()) for text in pair} for pair in texts)
    return list(zip(map(int, indices), hashes, strict=True))

  def get_state(self):
    if self.left is None:
      rows = [row["index"][row["mask"]].tolist() for row in self.rows]
      # Text, since Grain copies the state of every batch, and deeply.
      self.left = json.dumps({"rows": rows, "waiting": list(self.waiting)})
    return {"parent": self._parent.get_state(), "left": self.left}

  def set_state(self, state):
    self._parent.set_state(state["parent"])
    self.left = state["left"]
    left = json.loads(self.left)
    # The pairs of a row, alone and in the order of its slots, are packed into that row again.
    self.rows = [row for indices in left["rows"] for row in self.made_by.pack(np.array(indices))]
    self.waiting = dict(self._texts(left["waiting"])) if left["waiting"] else {}


def split_repeats(pairs, seen):
  """([index, ...] of pairs whose texts are new, {index: texts} of the others).

  `pairs` are (index, set of texts); those of a pair that is new join the set `seen`.
  """
  new, repeating = [], {}
  for index, texts in pairs:
    if seen.isdisjoint(texts):
      new.append(index)
      seen |= texts
    else:
      repeating[index] = texts
  return new, repeating


def stacked(rows, size):
  """One batch of rows, dicts of arrays, and of empty ones up to `size`; without their `index`."""
  empty = {name: np.zeros_like(value) for name, value in rows[0].items()}
  rows = rows + [empty] * (size - len(rows))
  return {name: np.stack([row[name] for row in rows]) for name in empty if name != "index"}
