"""A dataset on disk to an endless, resumable stream of packed batches, mixed by language."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import itertools
import zlib

import grain
import numpy as np

from labse_jax.data import sampling
from labse_jax.data.batches import packing, streams
from labse_jax.data.batches.distinct import DistinctBatches
from labse_jax.data.batches.token_memory import TokenMemory
from labse_jax.data.batches.tokenizers import Tokenizer
from labse_jax.data.dataset import Dataset, TextSource

CHUNK = 1024  # Pairs that are read, tokenised and packed together.
RECENT = 1 << 17  # Texts whose tokens are kept by the text: 40 MB.

# Of N indices: K texts for each, and {name: array [N, ...]}; `PairPacker` says what for.
Negatives = Callable[[np.ndarray], Sequence[Sequence[str]]]
Beside = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def batches(
  dataset: Dataset,
  tokenizer: Tokenizer,
  *,
  rows: int,
  slots: int,
  length: int,
  exponent: float,
  seed: int,
  prompt: str = "",
  negatives: Negatives | None = None,
  beside: Sequence[Beside] = (),
  language_pairs: Sequence[str] = (),
  homogeneous: bool = False,
  no_repeats: bool = False,
  tokenise_first: bool = False,
  host: streams.Host | None = None,
) -> grain.IterDataset:
  """This host's share of every batch: a grain.IterDataset whose iterator can be checkpointed.

  `rows` counts the rows of the global batch. What a batch holds, and what `prompt`, `negatives`
  and `beside` are, says `PairPacker`. `language_pairs` are patterns of the pairs of languages to
  draw from; with none, all are drawn. A `homogeneous` batch is of one pair of languages, the same
  one on every host. With `no_repeats` no text stands twice in a host's share of a batch; rows
  that cannot be filled without a repeat stay empty. With `tokenise_first` this
  host's pairs, as many as TokenMemory holds, are read and tokenised now, not as batches need them:
  what a step takes is then the same in the first epoch as later.
  """
  host = host or streams.this_host()
  if no_repeats:
    beside = [*beside, _own_index]  # By which a row that waits is packed again after a resume.
  packer = PairPacker(dataset.source, tokenizer, length, slots, prompt, negatives, beside)
  batcher = _Batcher(packer, streams.host_rows(rows, host), exponent, host, no_repeats)
  languages = streams.chosen_languages(dataset.indices_by_language, language_pairs)
  if tokenise_first:
    own = [streams.host_share(indices, host) for indices in languages.values()]
    packer.memory.fill(np.concatenate(own))
  if homogeneous:
    return streams.ahead(batcher.homogeneous(languages, seed=seed))
  return streams.ahead(batcher.mixed(languages, seed=seed, chunk=CHUNK))


@dataclasses.dataclass(frozen=True)
class _Batcher:
  """What the streams of one run share: each stream makes batches of `rows` rows on one host."""

  packer: "PairPacker"
  rows: int
  exponent: float
  host: streams.Host
  no_repeats: bool

  def mixed(
    self, indices_by_language: Mapping[str, np.ndarray], *, seed: int | str, chunk: int
  ) -> grain.IterDataset:
    """Batches of all these languages, read `chunk` pairs at a time."""
    mix = streams.LanguageMix(
      indices_by_language, exponent=self.exponent, seed=seed, host=self.host
    )
    chunks = streams.in_this_thread(mix.chunks(chunk))
    if self.no_repeats:
      packer = self.packer
      return DistinctBatches(
        chunks, read=packer.read, pack=packer.flat_map, size=self.rows, slots=packer.slots
      )
    return grain.experimental.FlatMapIterDataset(chunks, self.packer).batch(self.rows)

  def homogeneous(
    self, indices_by_language: Mapping[str, np.ndarray], *, seed: int
  ) -> grain.IterDataset:
    """Batches of one language each; the languages take turns in proportion n^exponent."""
    one_language_each = []
    counts = []
    for name, indices in indices_by_language.items():
      # A longer chunk than this host's epoch would hold each pair of a small language many times.
      # But Grain cannot count an endless stream of chunks of one pair.
      epoch = max(2, len(streams.host_share(indices, self.host)))
      # A seed of its own for each: a shared one would walk all of them in the same order.
      own_seed = f"{seed}/{name}"
      batches = self.mixed({name: indices}, seed=own_seed, chunk=min(CHUNK, epoch))
      one_language_each.append(batches)
      counts.append(len(indices))
    # The step's number alone says whose turn it is, so that the hosts agree.
    shares = sampling.smoothed(counts, self.exponent)
    return grain.IterDataset.mix(one_language_each, list(shares))


@dataclasses.dataclass(frozen=True, eq=False)
class PairPacker(grain.experimental.FlatMapTransform):
  """Pair indices to the packed rows that hold the pairs.

  A row holds what `packing.pack` makes of its pairs, `prompt` before each text, and uint32 `ids`
  [slots, 2]: hashes of the two texts (two texts with one hash only cost a negative).

  `negatives(indices)` gives K more texts for each of N pairs, "" where there is none. They are the
  sides from the third on, with `negative_ids` and `negative_mask` [slots, K]. Each function in
  `beside` gives {name: array [N, ...]} for N indices, which a row holds as [slots, ...].
  """

  source: TextSource
  tokenizer: Tokenizer
  length: int
  slots: int
  prompt: str = ""
  negatives: Negatives | None = None
  beside: Sequence[Beside] = ()

  max_fan_out = CHUNK

  def flat_map(self, indices: np.ndarray) -> list[dict[str, np.ndarray]]:
    """The packed rows, each {name: array}, in random order."""
    rows = self.pack(indices)
    # Packing sorts by length; a batch should not.
    order = np.random.default_rng(indices[:1]).permutation(len(rows["mask"]))
    return packing.separate(rows, order)

  def read(self, indices: np.ndarray) -> list[list[str]]:
    """Each pair's two texts, as a list."""
    examples = self.source.__getitems__(indices.tolist())
    return [[example["source"], example["target"]] for example in examples]

  @functools.cached_property
  def memory(self) -> TokenMemory:
    """The pairs' own tokens; those of negatives change, and are made each time."""
    return TokenMemory(len(self.source), self.read, self._tokenise)

  def pack(self, indices: np.ndarray) -> dict[str, np.ndarray]:
    """{name: array [rows, ...]}, of as many rows as the pairs need."""
    items, hashes_N2 = self.memory.look_up(indices)
    beside = {"ids": hashes_N2}
    if self.negatives:
      texts_by_pair = self.negatives(indices)
      negatives, beside["negative_ids"] = self._tokenise(texts_by_pair)
      items = [pair + others for pair, others in zip(items, negatives, strict=True)]
      beside["negative_mask"] = np.array([[bool(t) for t in texts] for texts in texts_by_pair])
    for look_up in self.beside:
      beside |= look_up(indices)
    rows, row_N, slot_N = packing.pack(items, self.length, self.slots)

    # What belongs to a pair goes to the slot that holds the pair.
    for name, values_N in beside.items():
      rows[name] = np.zeros((*rows["mask"].shape, *values_N.shape[1:]), values_N.dtype)
      rows[name][row_N, slot_N] = values_N
    return rows

  @functools.cached_property
  def recent(self) -> dict[str, tuple[np.ndarray, int]]:
    """{text: (its tokens, its hash)} of the last texts: one text has many translations."""
    return {}

  def _tokenise(
    self, texts_by_pair: Sequence[Sequence[str]]
  ) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """(token arrays of the I texts of each of N pairs, uint32 hashes of the texts [N, I])."""
    texts = list(itertools.chain.from_iterable(texts_by_pair))
    new = [text for text in dict.fromkeys(texts) if text not in self.recent]
    if len(self.recent) + len(new) > RECENT:
      self.recent.clear()
      new = list(dict.fromkeys(texts))
    # The tokenizer is fastest with all texts at once.
    tokens, _ = self.tokenizer.encode([self.prompt + text for text in new], self.length)
    for text, ids in zip(new, tokens, strict=True):
      self.recent[text] = (ids, zlib.crc32(text.encode()))
    found = [self.recent[text] for text in texts]
    sides = len(texts_by_pair[0])
    flat = [ids for ids, _ in found]
    items = [flat[start : start + sides] for start in range(0, len(flat), sides)]
    hashes = [text_hash for _, text_hash in found]
    return items, np.array(hashes, np.uint32).reshape(-1, sides)


def _own_index(indices):
  return {"index": indices}


def share_cut(
  source: TextSource,
  indices: np.ndarray,
  tokenizer: Tokenizer,
  length: int,
  *,
  prompt: str = "",
  sample: int = 5000,
) -> float:
  """The share of sentences that are longer than `length` tokens, on an even sample of pairs."""
  places = np.linspace(0, len(indices) - 1, min(sample, len(indices))).astype(int)
  texts = []
  for example in source.__getitems__(indices[places].tolist()):
    texts.append(prompt + example["source"])
    texts.append(prompt + example["target"])
  _, cut = tokenizer.encode(texts, length)
  return cut / len(texts)
