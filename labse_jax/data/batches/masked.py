"""Datasets to an endless, resumable stream of masked rows: text alone, and pairs as one segment."""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
from typing import NamedTuple, Protocol, TypedDict
import zlib

import grain
import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.data.batches import masking, packing, streams
from labse_jax.data.batches.masking import Masking
from labse_jax.data.batches.pairs import CHUNK
from labse_jax.data.batches.tokenizers import Tokenizer
from labse_jax.data.dataset import Dataset, TextSource

ROWS = ("documents", "sentences")
DOCUMENTS = 64  # Of a chunk: as many as make some hundred thousand tokens.
SHORTEST = 3  # Tokens of an item, two of them special: a row has no more items than that allows.


class Item(NamedTuple):
  """A stretch of tokens that goes into a row as one segment, and the tokens' positions."""

  tokens: np.ndarray
  positions: np.ndarray


Examples = Iterable[Mapping[str, str]]


class MakesItems(Protocol):
  """What `sentences`, `documents` and `translations` are."""

  def __call__(
    self, examples: Examples, tokenizer: Tokenizer, length: int, *, restart_positions: bool
  ) -> list[Item]: ...


class Options(TypedDict):
  """What a config says of the rows besides their size."""

  restart_positions: bool
  masking: Masking


def sentences(
  examples: Examples, tokenizer: Tokenizer, length: int, *, restart_positions: bool = False
) -> list[Item]:
  """Items of each line, and of each side of a pair, by itself: [CLS] x [SEP].

  `restart_positions` changes nothing here.
  """
  lines = []
  for example in examples:
    for side in ("source", "target"):
      lines += [line for line in example[side].split("\n") if line]
  tokens, _ = tokenizer.encode(lines, length)
  return [Item(ids, np.arange(len(ids))) for ids in tokens]


def documents(
  examples: Examples, tokenizer: Tokenizer, length: int, *, restart_positions: bool = False
) -> list[Item]:
  """Items of each document, cut into pieces that fill a row: [CLS] ... [SEP].

  `restart_positions` changes nothing here.
  """
  texts = [example["source"].replace("\n", " ") for example in examples]
  items = []
  for ids in tokenizer.encode_whole(texts):
    cls = ids[:1]
    inner = ids[1:-1]
    sep = ids[-1:]
    for start in range(0, len(inner), length - 2):
      piece = np.concatenate([cls, inner[start : start + length - 2], sep])
      items.append(Item(piece, np.arange(len(piece))))
  return items


def translations(
  examples: Examples, tokenizer: Tokenizer, length: int, *, restart_positions: bool
) -> list[Item]:
  """Items of each pair as one segment, [CLS] x [SEP] y [SEP] (Conneau and Lample 2019, sec. 3.3).

  A pair longer than a row is cut at the end of its longer side. `restart_positions` counts the
  positions of the second side from 0 again, as in that paper.
  """
  texts = []
  for example in examples:
    texts += [example["source"], example["target"]]
  tokens, _ = tokenizer.encode(texts, length)
  items = []
  for x, y in zip(tokens[::2], tokens[1::2], strict=True):
    x, y = shortened(x, y[1:], length)  # One [CLS] is enough.
    second = np.arange(len(y))
    if not restart_positions:
      second += len(x)
    items.append(Item(np.concatenate([x, y]), np.concatenate([np.arange(len(x)), second])))
  return items


def shortened(x: np.ndarray, y: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
  """x and y cut to `length` tokens together, the longer one first; each keeps its last token."""
  half = length // 2
  x_room = max(half, length - len(y))
  y_room = length - min(len(x), x_room)
  return _cut(x, x_room), _cut(y, y_room)


def _cut(ids, room):
  if len(ids) <= room:
    return ids
  return np.append(ids[: room - 1], ids[-1])


def batches(
  sources: Mapping[str, tuple[Dataset, MakesItems]],
  tokenizer: Tokenizer,
  *,
  share_tlm: float,
  rows: int,
  length: int,
  exponent: float,
  seed: int,
  options: Options,
  host: streams.Host | None = None,
) -> grain.IterDataset:
  """This host's share of every batch: a grain.IterDataset whose iterator can be checkpointed.

  `sources` is {"mlm": (dataset, items), "tlm": (dataset, items)}, where `items` is one of the
  functions above and one kind may lack; `share_tlm` of the rows are of the second kind. A batch
  holds int32 tokens, segments and positions [rows, length], `predicted` and `labels` [rows, slots],
  bool weights [rows, slots] and tlm [rows].
  """
  host = host or streams.this_host()
  own_rows = streams.host_rows(rows, host)
  kinds = []
  shares = []
  for kind, share in (("mlm", 1 - share_tlm), ("tlm", share_tlm)):
    if share:
      # Hosts, and the two kinds, must not hide the same places.
      key = zlib.crc32(f"{seed}/{kind}/{host.index}".encode())
      dataset, items = sources[kind]
      masker = _MaskedRows(
        dataset.source, items, tokenizer, length=length, tlm=kind == "tlm", key=key, **options
      )
      # A seed of its own: both kinds may read one dataset, and not the same pairs at one time.
      kinds.append(_rows(dataset, masker, exponent=exponent, seed=f"{seed}/{kind}", host=host))
      shares.append(share)
  mixed = grain.IterDataset.mix(kinds, shares) if len(kinds) > 1 else kinds[0]
  return streams.ahead(mixed.batch(own_rows))


def _rows(dataset, masker, *, exponent, seed, host):
  """An endless stream of one kind of rows."""
  mix = streams.LanguageMix(dataset.indices_by_language, exponent=exponent, seed=seed, host=host)
  chunks = mix.chunks(DOCUMENTS if dataset.monolingual else CHUNK)
  numbered = chunks.map_with_index(lambda number, indices: (number, indices))
  return grain.experimental.FlatMapIterDataset(streams.in_this_thread(numbered), masker)


@dataclasses.dataclass(eq=False)
class _MaskedRows(grain.experimental.FlatMapTransform):
  """Turns (number of the chunk, its examples' indices) into packed and masked rows."""

  source: TextSource
  items: MakesItems
  tokenizer: Tokenizer
  _: dataclasses.KW_ONLY
  length: int
  tlm: bool
  key: int
  restart_positions: bool
  masking: Masking

  max_fan_out = 1 << 20  # A chunk of long documents makes many rows.

  def __post_init__(self):
    ids_V = np.arange(len(self.tokenizer))
    self.ordinary_V = np.setdiff1d(ids_V, self.tokenizer.all_special)
    self.starts_V = np.ones(len(ids_V), bool)
    if self.masking["kind"] != "token":  # Only then must the tokenizer know where words begin.
      self.starts_V = self.tokenizer.word_starts
    self.mask_id = self.tokenizer.special_ids["mask"]  # Here, so that its lack is told at once.

  def flat_map(self, chunk: tuple[int, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """The rows of a chunk, each {name: array}, in random order."""
    number, indices = chunk
    items = self.items(
      self.source.__getitems__(indices.tolist()),
      self.tokenizer,
      self.length,
      restart_positions=self.restart_positions,
    )
    items = [item for item in items if len(item.tokens) >= SHORTEST]
    if not items:
      return []
    # Counter-based: a chunk's masks depend on its number alone, and each epoch has new numbers.
    rng = np.random.Generator(np.random.Philox(key=self.key, counter=int(number) << 128))
    rows = self.masked(self.packed(items), rng)
    # Packing sorts by length; a batch should not.
    order = rng.permutation(len(rows["tokens"]))
    return packing.separate(rows, order)

  def packed(self, items: Sequence[Item]) -> dict[str, np.ndarray]:
    """The items in rows: int32 tokens, segments and positions, [rows, length]."""
    arrays, _, _ = packing.pack(
      [[item.tokens] for item in items],
      self.length,
      max(1, self.length // SHORTEST),
      [[item.positions] for item in items],
    )
    return {name: arrays[name][:, 0] for name in ("tokens", "segments", "positions")}

  def masked(self, rows: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The same rows with some tokens hidden, and what was there."""
    tokens_RL = rows["tokens"]
    special_RL = np.isin(tokens_RL, self.tokenizer.all_special)
    hidden_RL, predicted = masking.mask_rows(
      tokens_RL,
      (rows["segments"] > 0) & ~special_RL,
      self.starts_V[tokens_RL],
      mask_id=self.mask_id,
      ordinary_V=self.ordinary_V,
      rng=rng,
      **self.masking,
    )
    return rows | {"tokens": hidden_RL} | predicted | {"tlm": np.full(len(tokens_RL), self.tlm)}


def check_long_enough(
  dataset: Dataset, tokenizer: Tokenizer, length: int, folder: PathLike
) -> None:
  """Raises where all documents together do not fill one row.

  Sentences are packed and come round again; a row of documents is one stretch of text.
  """
  total = 0
  for start in range(0, len(dataset), CHUNK):
    stop = min(start + CHUNK, len(dataset))
    examples = dataset.source.__getitems__(range(start, stop))
    total += _lengths(examples, "source", tokenizer).sum()
    if total >= length:
      return
  raise InputError(
    f"{folder}: its text has {total} tokens, less than one row of {length}; give "
    "more text, or a smaller length."
  )


def share_cut(
  dataset: Dataset,
  tokenizer: Tokenizer,
  *,
  length: int,
  rows_of: str,
  share_tlm: float,
  sample: int = 5000,
) -> float:
  """The share of records of which `length` tokens a row cut something, on an even sample.

  Documents are never cut: what one row cannot hold goes on in the next.
  """
  if rows_of == "documents" and dataset.monolingual:
    return 0.0
  indices = np.linspace(0, len(dataset) - 1, min(sample, len(dataset))).astype(int)
  examples = dataset.source.__getitems__(indices.tolist())
  if dataset.monolingual:
    lines = []
    for example in examples:
      lines += example["source"].split("\n")
    cut = [len(ids) > length for ids in tokenizer.encode_whole(lines)]
    return float(np.mean(cut))

  source_N = _lengths(examples, "source", tokenizer)
  target_N = _lengths(examples, "target", tokenizer)
  if share_tlm:  # Both sides stand in one row, with one [CLS].
    return float(np.mean(source_N + target_N - 1 > length))
  return float(np.mean(np.maximum(source_N, target_N) > length))


def _lengths(examples, side, tokenizer):
  """How many tokens each example's side has, uncut."""
  texts = [example[side] for example in examples]
  return np.array([len(ids) for ids in tokenizer.encode_whole(texts)], int)
