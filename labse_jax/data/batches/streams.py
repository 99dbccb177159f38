"""Endless streams of a dataset's records: which languages, which host's share, how far ahead."""

from collections.abc import Mapping, Sequence
import dataclasses
import fnmatch
import sys
from typing import TypeVar
import zlib

import grain
import jax
import numpy as np

from labse_jax.base.errors import InputError, known
from labse_jax.data import sampling

T = TypeVar("T")
TABLE = 1 << 16  # Places after which the languages' turns come again.
GOLDEN = (5**0.5 - 1) / 2


@dataclasses.dataclass(frozen=True)
class Host:
  """One of the `count` processes that share every batch; `index` counts from 0."""

  index: int
  count: int


def this_host() -> Host:
  """The Host that this process is."""
  return Host(jax.process_index(), jax.process_count())


def host_share(indices: np.ndarray, host: Host) -> np.ndarray:
  """One host's part of a language; a language smaller than the number of hosts goes to all."""
  if len(indices) < host.count:
    return indices
  return indices[host.index :: host.count]


def host_rows(rows: int, host: Host) -> int:
  """How many of a batch's rows one host makes; InputError where that is not a whole number."""
  if rows % host.count:
    raise InputError(f"batch_rows = {rows} is not divisible by the {host.count} hosts.")
  return rows // host.count


class LanguageMix:
  """Pair indices by their place in an endless stream; each language is drawn with p ~ n^exponent.

  A table of TABLE places says whose turn it is, and comes again and again. A language goes through
  its pairs in a new order in each epoch. Each language is split between the hosts *before* mixing:
  a stride over the mixed stream would hand every host only some of the languages.
  """

  def __init__(
    self,
    indices_by_language: Mapping[str, np.ndarray],
    *,
    exponent: float,
    seed: int | str,
    host: Host,
  ) -> None:
    self.shares: list[np.ndarray] = []
    self.keys: list[int] = []
    counts = []
    for position, indices in enumerate(indices_by_language.values()):
      self.shares.append(np.asarray(host_share(indices, host)))
      # One key per language and host: a shared one would walk all of them in the same order.
      self.keys.append(zlib.crc32(f"{seed}/{position}/{host.index}".encode()))
      counts.append(len(indices))
    self.turns_L = _whole_turns(sampling.smoothed(counts, exponent))
    self.language_T = _spread(self.turns_L)
    # How many turns the language of a place of the table had before, in the same table.
    self.before_T = np.zeros(len(self.language_T), np.int64)
    for language, turns in enumerate(self.turns_L):
      self.before_T[self.language_T == language] = np.arange(turns)
    # {language: (epoch, order)}, of the epoch that was asked for last.
    self._orders: dict[int, tuple[int, np.ndarray]] = {}

  def __getitem__(self, place: int) -> int:
    return int(self.take(np.array([place]))[0])

  def take(self, places_N: np.ndarray) -> np.ndarray:
    """The pair indices at these places, int64 [N]."""
    table_N, place_N = np.divmod(places_N, len(self.language_T))
    language_N = self.language_T[place_N]
    turn_N = table_N * self.turns_L[language_N] + self.before_T[place_N]
    taken_N = np.empty(len(places_N), np.int64)
    for language in np.unique(language_N):
      own_N = np.flatnonzero(language_N == language)
      epoch_N, step_N = np.divmod(turn_N[own_N], len(self.shares[language]))
      for epoch in np.unique(epoch_N):
        here = epoch_N == epoch
        taken_N[own_N[here]] = self._order(int(language), int(epoch))[step_N[here]]
    return taken_N

  def chunks(self, size: int) -> grain.MapDataset:
    """`size` indices at a time, as an endless grain.MapDataset of int64 arrays."""
    return _Chunks(self, size)

  def _order(self, language, epoch):
    known_epoch, order = self._orders.get(language, (None, None))
    if known_epoch != epoch:
      # Counter-based: an epoch's order depends on its number alone, wherever a run starts.
      philox = np.random.Philox(key=self.keys[language], counter=epoch << 128)
      order = np.random.Generator(philox).permutation(self.shares[language])
      self._orders[language] = (epoch, order)
    return order


class _Chunks(grain.MapDataset):
  """Chunk k holds the indices at the places k * size to (k + 1) * size - 1 of a LanguageMix."""

  def __init__(self, mix: LanguageMix, size: int) -> None:
    super().__init__()
    self.mix = mix
    self.size = size

  def __len__(self) -> int:
    return sys.maxsize // self.size

  def __getitem__(self, number: int) -> np.ndarray:
    return self.mix.take(number * self.size + np.arange(self.size))


def _whole_turns(shares):
  """How many of TABLE places each language has, at least one: int64 [languages]."""
  return np.maximum(np.round(np.asarray(shares) * TABLE), 1).astype(np.int64)


def _spread(turns_L):
  """The language of each place, so that the turns of each lie evenly over all places."""
  language_T = np.repeat(np.arange(len(turns_L)), turns_L)
  turn_T = np.concatenate([np.arange(turns) for turns in turns_L])
  # Multiples of the golden ratio: no two languages begin at the same place.
  start_L = np.arange(1, len(turns_L) + 1) * GOLDEN % 1
  when_T = (turn_T + start_L[language_T]) / turns_L[language_T]
  return language_T[np.argsort(when_T, kind="stable")]


def chosen_languages(by_language: Mapping[str, T], patterns: Sequence[str]) -> dict[str, T]:
  """The pairs of languages that one of the patterns names ("eng-fra", "eng-*"); all for none.

  Raises InputError where a pattern names none.
  """
  if not patterns:
    return dict(by_language)
  named = set()
  for pattern in patterns:
    names = [name for name in by_language if fnmatch.fnmatchcase(name, pattern)]
    if not names:
      known("pair of languages in config.language_pairs", pattern, by_language)
    named.update(names)
  # In the dataset's order, not the patterns': the seeds of the languages follow their places.
  return {name: value for name, value in by_language.items() if name in named}


def in_this_thread(chunks: grain.MapDataset) -> grain.IterDataset:
  """A grain.IterDataset of a MapDataset's elements that starts no thread: `ahead` has one."""
  return chunks.to_iter_dataset(grain.ReadOptions(num_threads=0))


def ahead(batches: grain.IterDataset) -> grain.IterDataset:
  """The same batches, made by a thread that is a few of them ahead."""
  return grain.experimental.ThreadPrefetchIterDataset(batches, prefetch_buffer_size=4)


def to_devices(
  batch: Mapping[str, np.ndarray], sharding: jax.sharding.Sharding
) -> dict[str, jax.Array]:
  """This host's rows of a batch to one global array per key, split over all devices."""
  return {
    name: jax.make_array_from_process_local_data(sharding, array) for name, array in batch.items()
  }
