"""A dataset on disk to an endless, resumable stream of packed batches, mixed by language."""

import zlib

import grain
import jax
import numpy as np

from labse_jax.data import sampling
from labse_jax.data.batches import packing
from labse_jax.data.batches.distinct import DistinctBatches
from labse_jax.data.batches.streams import (
  ahead,
  chosen_languages,
  host_rows,
  host_share,
  language_mix,
)

CHUNK = 1024  # Pairs that are read, tokenised and packed together.


class _PackChunk(grain.experimental.FlatMapTransform):
  """Pair indices to the packed rows that hold them."""

  max_fan_out = CHUNK

  def __init__(self, source, tokenizer, length, slots, prompt, negatives, beside):
    self.source, self.tokenizer, self.length, self.slots = source, tokenizer, length, slots
    self.prompt, self.negatives, self.beside = prompt, negatives, beside

  def flat_map(self, indices):
    rows = self.pack(indices)
    # Packing sorts by length; a batch should not.
    order = np.random.default_rng(indices[:1]).permutation(len(rows["mask"]))
    return [{name: array[row] for name, array in rows.items()} for row in order]

  def read(self, indices):
    """Each pair's two texts."""
    examples = self.source.__getitems__(indices.tolist())
    return [[example["source"], example["target"]] for example in examples]

  def pack(self, indices):
    """The arrays of `batches`, of as many rows as the pairs need."""
    texts = self.read(indices)
    if self.negatives:
      texts = [pair + more for pair, more in zip(texts, self.negatives(indices), strict=True)]
    flat, sides = [text for item in texts for text in item], len(texts[0])
    tokens, _ = self.tokenizer.encode([self.prompt + text for text in flat], self.length)
    items = [tokens[n : n + sides] for n in range(0, len(tokens), sides)]
    rows, row_N, slot_N = packing.pack(items, self.length, self.slots)

    def placed(values):
      out = np.zeros((*rows["mask"].shape, *values.shape[1:]), values.dtype)
      out[row_N, slot_N] = values
      return out

    hashes = np.array([zlib.crc32(text.encode()) for text in flat], np.uint32).reshape(-1, sides)
    rows["ids"] = placed(hashes[:, :2])
    if self.negatives:
      there = np.array([bool(text) for text in flat]).reshape(-1, sides)
      rows |= {"negative_ids": placed(hashes[:, 2:]), "negative_mask": placed(there[:, 2:])}
    for look_up in self.beside:
      rows |= {name: placed(values) for name, values in look_up(indices).items()}
    return rows


def batches(
  dataset,
  tokenizer,
  *,
  rows,
  slots,
  length,
  exponent,
  seed,
  prompt="",
  negatives=None,
  beside=(),
  language_pairs=(),
  homogeneous=False,
  no_repeats=False,
  process_index=None,
  process_count=None,
):
  """This host's share of every batch: a grain.IterDataset whose iterator can be checkpointed.

  Each batch holds what `packing.pack` makes of the pairs, `prompt` before each text, and uint32
  ids [rows, slots, 2]: hashes of the two texts (two texts with one hash only cost a negative).
  `rows` is the global number. `negatives` are a function of N indices that gives K more texts for
  each pair, "" where there is none: they are the sides from the third on, with `negative_ids` and
  `negative_mask` [rows, slots, K]. Functions in `beside` give {name: array [N, ...]} for N indices,
  which a batch holds as [rows, slots, ...].

  `language_pairs` are patterns of the pairs of languages to draw from; none: all. `homogeneous`
  batches are of one pair of languages each, the same one on every host; `no_repeats`: no text
  stands twice in a host's share, rows that cannot be filled without stay empty.
  """
  process_index = jax.process_index() if process_index is None else process_index
  process_count = jax.process_count() if process_count is None else process_count
  own_rows = host_rows(rows, process_count)
  languages = chosen_languages(dataset.indices_by_language, language_pairs)
  beside = [*beside, lambda indices: {"index": indices}] if no_repeats else beside
  packer = _PackChunk(dataset.source, tokenizer, length, slots, prompt, negatives, beside)

  def stream(languages, seed, chunk):
    pairs = language_mix(
      languages,
      exponent=exponent,
      seed=seed,
      process_index=process_index,
      process_count=process_count,
    )
    chunks = pairs.batch(chunk).to_iter_dataset(grain.ReadOptions(num_threads=0))
    if no_repeats:
      return DistinctBatches(
        chunks, read=packer.read, pack=packer.flat_map, size=own_rows, slots=slots
      )
    return grain.experimental.FlatMapIterDataset(chunks, packer).batch(own_rows)

  if not homogeneous:
    return ahead(stream(languages, seed, CHUNK))

  # A seed of its own for each: a shared one would walk all of them in the same order. And no
  # chunk longer than this host's epoch: a small language would stand in it many times. Of chunks of
  # one pair, Grain cannot count an endless stream.
  def epoch(indices):
    return max(2, len(host_share(indices, process_index, process_count)))

  streams = [
    stream({name: indices}, f"{seed}/{name}", min(CHUNK, epoch(indices)))
    for name, indices in languages.items()
  ]
  shares = sampling.smoothed([len(indices) for indices in languages.values()], exponent)
  # The step's number alone says whose turn it is, so that the hosts agree.
  return ahead(grain.IterDataset.mix(streams, list(shares)))


def share_cut(source, indices, tokenizer, length, *, prompt="", sample=5000):
  """The share of sentences that are longer than `length` tokens, on an even sample of pairs."""
  places = np.linspace(0, len(indices) - 1, min(sample, len(indices))).astype(int)
  examples = source.__getitems__(indices[places].tolist())
  texts = [prompt + example[side] for example in examples for side in ("source", "target")]
  _, cut = tokenizer.encode(texts, length)
  return cut / len(texts)
