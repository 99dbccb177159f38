"""Endless streams of a dataset's records: which languages, which host's share, how far ahead."""

import fnmatch
import zlib

import grain
import jax

from labse_jax.base.errors import InputError, known
from labse_jax.data import sampling


def host_share(indices, index, count):
  """One host's part of a language; a language smaller than the number of hosts goes to all."""
  return indices[index::count] if len(indices) >= count else indices


def language_mix(indices_by_language, *, exponent, seed, process_index, process_count):
  """Pair indices, each language drawn with p ~ n^exponent, as a grain.MapDataset.

  Each language is split between the hosts *before* mixing: a stride over the mixed stream
  would hand every host only some of the languages.
  """
  languages = []
  for position, indices in enumerate(indices_by_language.values()):
    share = host_share(indices, process_index, process_count)
    # One seed per language and host: a shared one would walk all of them in the same order.
    own_seed = zlib.crc32(f"{seed}/{position}/{process_index}".encode())
    languages.append(grain.MapDataset.source(share).shuffle(seed=own_seed).repeat())
  counts = [len(indices) for indices in indices_by_language.values()]
  return grain.MapDataset.mix(languages, list(sampling.smoothed(counts, exponent)))


def chosen_languages(indices_by_language, patterns):
  """Those pairs of languages that one of the patterns names ("eng-fra", "eng-*"); all for none.

  Raises InputError where a pattern names none.
  """
  for pattern in patterns:
    if not fnmatch.filter(indices_by_language, pattern):
      known("pair of languages in config.language_pairs", pattern, indices_by_language)

  def named(name):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

  return {
    name: indices for name, indices in indices_by_language.items() if not patterns or named(name)
  }


def host_rows(rows, process_count):
  """One host's share of a batch's rows."""
  if rows % process_count:
    raise InputError(f"batch_rows = {rows} is not divisible by the {process_count} hosts.")
  return rows // process_count


def prefetched(rows, size):
  """Batches of `size` rows, made by a thread a few ahead."""
  return ahead(rows.batch(size))


def ahead(batches):
  return grain.experimental.ThreadPrefetchIterDataset(batches, prefetch_buffer_size=4)


def to_devices(batch, sharding):
  """This host's rows of a batch to one global array per key, split over all devices."""
  return {k: jax.make_array_from_process_local_data(sharding, v) for k, v in batch.items()}
