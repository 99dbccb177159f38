"""Datasets to an endless, resumable stream of masked rows: text alone, and pairs as one segment."""

import zlib

import grain
import jax
import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.data.batches import masking, packing
from labse_jax.data.batches.pairs import CHUNK
from labse_jax.data.batches.streams import host_rows, language_mix, prefetched

ROWS = ("documents", "sentences")
DOCUMENTS = 64  # Of a chunk: as many as make some hundred thousand tokens.
SHORTEST = 3  # Tokens of an item, two of them special: a row has no more items than that allows.


def sentences(examples, tokenizer, length, **_):
  """Each line, and each side of a pair, for itself: [CLS] x [SEP]."""
  lines = [
    line
    for example in examples
    for side in ("source", "target")
    for line in example[side].split("\n")
    if line
  ]
  return [(ids, np.arange(len(ids))) for ids in tokenizer.encode(lines, length)[0]]


def documents(examples, tokenizer, length, **_):
  """Each document, cut into pieces that fill a row: [CLS] ... [SEP]."""
  texts = [example["source"].replace("\n", " ") for example in examples]
  items = []
  for ids in tokenizer.encode_whole(texts):
    cls, inner, sep = ids[:1], ids[1:-1], ids[-1:]
    for start in range(0, len(inner), length - 2):
      piece = np.concatenate([cls, inner[start : start + length - 2], sep])
      items.append((piece, np.arange(len(piece))))
  return items


def translations(examples, tokenizer, length, *, restart_positions):
  """Each pair as one segment, [CLS] x [SEP] y [SEP] (Conneau and Lample 2019, sec. 3.3).

  A pair longer than a row is cut at the end of its longer side. `restart_positions` counts the
  second side's from 0 again, as in that paper.
  """
  texts = [example[side] for example in examples for side in ("source", "target")]
  ids, _ = tokenizer.encode(texts, length)
  items = []
  for x, y in zip(ids[::2], ids[1::2], strict=True):
    x, y = shortened(x, y[1:], length)  # One [CLS] is enough.
    second = np.arange(len(y)) + (0 if restart_positions else len(x))
    items.append((np.concatenate([x, y]), np.concatenate([np.arange(len(x)), second])))
  return items


def shortened(x, y, length):
  """x and y cut to `length` tokens together, the longer one first; each keeps its last token."""
  half = length // 2
  x_room = max(half, length - len(y))
  y_room = length - min(len(x), x_room)

  def cut(ids, room):
    return ids if len(ids) <= room else np.append(ids[: room - 1], ids[-1])

  return cut(x, x_room), cut(y, y_room)


class _MaskedRows(grain.experimental.FlatMapTransform):
  """(number of the chunk, its examples' indices) to packed and masked rows."""

  max_fan_out = 1 << 20  # A chunk of long documents makes many rows.

  def __init__(self, dataset, items, tokenizer, *, length, tlm, key, restart_positions, masking):
    self.source, self.items, self.tokenizer, self.length = dataset.source, items, tokenizer, length
    self.tlm, self.key, self.restart_positions = tlm, key, restart_positions
    self.masking = masking
    self.specials = tokenizer.all_special
    words = masking["kind"] != "token"  # Else any tokenizer will do.
    self.starts_V = tokenizer.word_starts if words else np.ones(len(tokenizer), bool)
    self.ordinary_V = np.setdiff1d(np.arange(len(tokenizer)), self.specials)
    self.mask_id = tokenizer.special_ids["mask"]

  def flat_map(self, chunk):
    number, indices = chunk
    examples = self.source.__getitems__(indices.tolist())
    items = self.items(
      examples, self.tokenizer, self.length, restart_positions=self.restart_positions
    )
    items = [item for item in items if len(item[0]) >= SHORTEST]
    if not items:
      return []
    rows = self.packed(items)
    # Counter-based: a chunk's masks depend on its number alone, and each epoch has new numbers.
    rng = np.random.Generator(np.random.Philox(key=self.key, counter=int(number) << 128))
    maskable_RL = (rows["segments"] > 0) & ~np.isin(rows["tokens"], self.specials)
    rows["tokens"], predicted = masking.mask_rows(
      rows["tokens"],
      maskable_RL,
      self.starts_V[rows["tokens"]],
      mask_id=self.mask_id,
      ordinary_V=self.ordinary_V,
      rng=rng,
      **self.masking,
    )
    rows |= predicted | {"tlm": np.full(len(maskable_RL), self.tlm)}
    # Packing sorts by length; a batch should not.
    order = rng.permutation(len(maskable_RL))
    return [{name: array[row] for name, array in rows.items()} for row in order]

  def packed(self, items):
    """The items in rows: int32 tokens, segments and positions, [rows, length]."""
    slots = max(1, self.length // SHORTEST)
    arrays, _, _ = packing.pack(
      [(ids,) for ids, _ in items], self.length, slots, [(p,) for _, p in items]
    )
    return {name: arrays[name][:, 0] for name in ("tokens", "segments", "positions")}


def batches(
  sources,
  tokenizer,
  *,
  share_tlm,
  rows,
  length,
  exponent,
  seed,
  options,
  process_index=None,
  process_count=None,
):
  """This host's share of every batch: a grain.IterDataset whose iterator can be checkpointed.

  `sources` is {"mlm": (dataset, items), "tlm": (dataset, items)}, one may lack; `share_tlm` of the
  rows are of the second kind. A batch holds int32 tokens, segments and positions [rows, length],
  `predicted` and `labels` [rows, slots], bool weights [rows, slots] and tlm [rows].
  """
  process_index = jax.process_index() if process_index is None else process_index
  process_count = jax.process_count() if process_count is None else process_count
  own_rows = host_rows(rows, process_count)
  streams, shares = [], []
  for kind, share in (("mlm", 1 - share_tlm), ("tlm", share_tlm)):
    if not share:
      continue
    dataset, items = sources[kind]
    name = f"{seed}/{kind}/{process_index}".encode()
    transform = _MaskedRows(
      dataset, items, tokenizer, length=length, tlm=kind == "tlm", key=zlib.crc32(name), **options
    )
    # A seed of its own: both kinds may read one dataset, and not the same pairs at the same time.
    mix = language_mix(
      dataset.indices_by_language,
      exponent=exponent,
      seed=f"{seed}/{kind}",
      process_index=process_index,
      process_count=process_count,
    )
    size = DOCUMENTS if dataset.monolingual else CHUNK
    chunks = mix.batch(size).map_with_index(lambda number, indices: (number, indices))
    chunks = chunks.to_iter_dataset(grain.ReadOptions(num_threads=0))
    streams.append(grain.experimental.FlatMapIterDataset(chunks, transform))
    shares.append(share)
  mixed = grain.IterDataset.mix(streams, shares) if len(streams) > 1 else streams[0]
  return prefetched(mixed, own_rows)


def check_long_enough(dataset, tokenizer, length, folder):
  """Raises where all documents together do not fill one row.

  Sentences are packed and come round again; a row of documents is one stretch of text.
  """
  total = 0
  for start in range(0, len(dataset), CHUNK):
    stop = min(start + CHUNK, len(dataset))
    examples = dataset.source.__getitems__(range(start, stop))
    total += sum(map(len, tokenizer.encode_whole([e["source"] for e in examples])))
    if total >= length:
      return
  raise InputError(
    f"{folder}: its text has {total} tokens, less than one row of {length}; give "
    "more text, or a smaller length."
  )


def share_cut(dataset, tokenizer, config, *, sample=5000):
  """The share of records of which `config.length` tokens a row cut something, on an even sample.

  Documents are never cut: what one row cannot hold goes on in the next.
  """
  indices = np.linspace(0, len(dataset) - 1, min(sample, len(dataset))).astype(int)
  examples = dataset.source.__getitems__(indices.tolist())

  def lengths(side):
    return [len(ids) for ids in tokenizer.encode_whole([e[side] for e in examples])]

  if config.rows_of == "documents" and dataset.monolingual:
    return 0.0
  if dataset.monolingual:
    lines = [line for example in examples for line in example["source"].split("\n")]
    cut = [len(ids) > config.length for ids in tokenizer.encode_whole(lines)]
    return float(np.mean(cut))
  source_N, target_N = np.array(lengths("source")), np.array(lengths("target"))
  if config.share_tlm:
    return float(np.mean(source_N + target_N - 1 > config.length))
  return float(np.mean(np.maximum(source_N, target_N) > config.length))
