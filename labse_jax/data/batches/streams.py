"""Endless streams of a dataset's records: which languages, which host's share, how far ahead."""

import dataclasses
import fnmatch
import zlib

import grain
import jax

from labse_jax.base.errors import InputError, known
from labse_jax.data import sampling


@dataclasses.dataclass(frozen=True)
class Host:
  """One of the `count` processes that share every batch; `index` counts from 0."""

  index: int
  count: int


def this_host():
  """The Host that this process is."""
  return Host(jax.process_index(), jax.process_count())


def host_share(indices, host):
  """One host's part of a language; a language smaller than the number of hosts goes to all."""
  if len(indices) < host.count:
    return indices
  return indices[host.index :: host.count]


def host_rows(rows, host):
  """How many of a batch's rows one host makes; InputError where that is not a whole number."""
  if rows % host.count:
    raise InputError(f"batch_rows = {rows} is not divisible by the {host.count} hosts.")
  return rows // host.count


def language_mix(indices_by_language, *, exponent, seed, host):
  """Pair indices, each language drawn with p ~ n^exponent, as a grain.MapDataset.

  Each language is split between the hosts *before* mixing: a stride over the mixed stream
  would hand every host only some of the languages.
  """
  languages = []
  counts = []
  for position, indices in enumerate(indices_by_language.values()):
    # One seed per language and host: a shared one would walk all of them in the same order.
    own_seed = zlib.crc32(f"{seed}/{position}/{host.index}".encode())
    share = grain.MapDataset.source(host_share(indices, host))
    languages.append(share.shuffle(seed=own_seed).repeat())
    counts.append(len(indices))
  return grain.MapDataset.mix(languages, list(sampling.smoothed(counts, exponent)))


def chosen_languages(indices_by_language, patterns):
  """The pairs of languages that one of the patterns names ("eng-fra", "eng-*"); all for none.

  Raises InputError where a pattern names none.
  """
  if not patterns:
    return dict(indices_by_language)
  named = set()
  for pattern in patterns:
    names = [name for name in indices_by_language if fnmatch.fnmatchcase(name, pattern)]
    if not names:
      known("pair of languages in config.language_pairs", pattern, indices_by_language)
    named.update(names)
  # In the dataset's order, not the patterns': the seeds of the languages follow their places.
  return {name: indices for name, indices in indices_by_language.items() if name in named}


def in_this_thread(chunks):
  """A grain.IterDataset of a MapDataset's elements that starts no thread: `ahead` has one."""
  return chunks.to_iter_dataset(grain.ReadOptions(num_threads=0))


def ahead(batches):
  """The same batches, made by a thread that is a few of them ahead."""
  return grain.experimental.ThreadPrefetchIterDataset(batches, prefetch_buffer_size=4)


def to_devices(batch, sharding):
  """This host's rows of a batch to one global array per key, split over all devices."""
  return {
    name: jax.make_array_from_process_local_data(sharding, array) for name, array in batch.items()
  }
