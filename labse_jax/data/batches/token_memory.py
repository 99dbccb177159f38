"""Pairs that were tokenised once, in memory: an epoch that comes again need not be read again."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
import threading

import numpy as np

MOST_TOKENS = 1 << 26  # 256 MB.
MOST_PAIRS = 1 << 23  # 200 MB of places; of a larger dataset hardly any pair comes again soon.
CHUNK = 4096  # Pairs that are read and tokenised together by `fill`.

Texts = Sequence[Sequence[str]]  # Of each pair.
# Token arrays, a list of two for each pair, and uint32 hashes of the texts [N, 2].
Tokens = tuple[list[list[np.ndarray]], np.ndarray]


class TokenMemory:
  """The tokens of a dataset's pairs, and the hashes of their texts, by the index of the pair.

  `read(indices)` gives each pair's two texts, and tokenise(texts_by_pair) what they are made of.
  What is beyond MOST_TOKENS is not kept, and nothing is of a dataset of more than MOST_PAIRS.
  """

  def __init__(
    self,
    size: int,
    read: Callable[[np.ndarray], Texts],
    tokenise: Callable[[Texts], Tokens],
  ) -> None:
    self.read = read
    self.tokenise = tokenise
    self.tokens = np.empty(1 << 16, np.int32)
    self.used = 0
    self.lock = threading.Lock()  # Two streams may read ahead at once, each in its thread.
    self.too_large = size > MOST_PAIRS
    if self.too_large:
      size = 0
    self.start_N = np.full(size, -1, np.int64)  # -1: not here.
    self.length_N2 = np.zeros((size, 2), np.int32)
    self.hash_N2 = np.zeros((size, 2), np.uint32)

  def look_up(self, indices: np.ndarray) -> Tokens:
    """The tokens and hashes of these pairs, as `tokenise` gives them."""
    with self.lock:
      if self.too_large:
        return self.tokenise(self.read(indices))
      return self._look_up(np.asarray(indices))

  def _look_up(self, indices):
    missing = np.unique(indices[self.start_N[indices] < 0])
    if not len(missing):
      return self._kept(indices)
    made, made_N2 = self.tokenise(self.read(missing))
    if self._keep(missing, made, made_N2):
      return self._kept(indices)
    # There is no room for them: they only go among those that are here.
    found, hashes_N2 = self._kept(indices)
    for place in np.flatnonzero(self.start_N[indices] < 0):
      number = np.searchsorted(missing, indices[place])
      found[place] = made[number]
      hashes_N2[place] = made_N2[number]
    return found, hashes_N2

  def fill(self, indices: np.ndarray) -> None:
    """Keeps these pairs, as many as there is room for: the next ones are read meanwhile."""
    if self.too_large:
      return
    starts = range(0, len(indices), CHUNK)
    chunks = [indices[start : start + CHUNK] for start in starts]
    with ThreadPoolExecutor(1) as reader:
      following = reader.submit(self.read, chunks[0])
      for number, chunk in enumerate(chunks):
        texts_by_pair = following.result()
        if number + 1 < len(chunks):
          following = reader.submit(self.read, chunks[number + 1])
        if not self._keep(chunk, *self.tokenise(texts_by_pair)):
          return

  def _kept(self, indices):
    """The tokens and hashes of pairs that are here; of others, no tokens."""
    found = []
    for start, (x_length, y_length) in zip(
      self.start_N[indices].tolist(), self.length_N2[indices].tolist(), strict=True
    ):
      middle = start + x_length
      found.append([self.tokens[start:middle], self.tokens[middle : middle + y_length]])
    return found, self.hash_N2[indices]

  def _keep(self, indices, tokens, hashes_N2):
    """Adds pairs; returns whether there was room for them."""
    lengths_N2 = np.array([[len(x), len(y)] for x, y in tokens])
    end = self.used + int(lengths_N2.sum())
    if end > MOST_TOKENS:
      return False
    if end > len(self.tokens):
      more = np.empty(max(end, 2 * len(self.tokens)), np.int32)
      more[: self.used] = self.tokens[: self.used]
      self.tokens = more
    np.concatenate([side for pair in tokens for side in pair], out=self.tokens[self.used : end])
    self.start_N[indices] = self.used + lengths_N2.sum(1).cumsum() - lengths_N2.sum(1)
    self.length_N2[indices] = lengths_N2
    self.hash_N2[indices] = hashes_N2
    self.used = end
    return True
