"""A dataset, a vocabulary and a config small enough for a test: six made-up languages."""

import numpy as np

from experiments import pretrain_small, quickstart
from labse_jax.base.files import replacing_folder
from labse_jax.data.dataset import fill_dataset
from labse_jax.data.sources import Pair
from labse_jax.tokenizer import unigram

ENGLISH = [  # Enough words for a vocabulary of 200 pieces.
  "the",
  "a",
  "file",
  "page",
  "user",
  "name",
  "open",
  "close",
  "save",
  "new",
  "old",
  "of",
  "in",
  "to",
  "and",
  "is",
  "not",
  "can",
  "was",
  "change",
]
LANGUAGES = ("deu", "fra", "jpn", "rus", "swh", "tha")


def pairs(count=600, seed=0):
  """Random English sentences and a "translation": each letter moved to the language's script."""
  rng = np.random.default_rng(seed)
  for n in range(count):
    number = int(rng.choice(len(LANGUAGES), p=np.array([32, 16, 8, 4, 2, 1]) / 63))
    words = rng.choice(ENGLISH, rng.integers(2, 12))
    shift = (0x100, 0x3B0, 0x430, 0x530, 0xE00, 0x10A0)[number]
    target = " ".join("".join(chr(shift + ord(c) - 97) for c in word) for word in words)
    yield Pair("eng", LANGUAGES[number], "made-up", f"{' '.join(words)} {n % 97}", target)


def write_dataset(folder, pairs):
  """Writes Pairs, in their order, as the dataset `folder`, in place of one there; their number."""
  with replacing_folder(folder, marker="language_pairs.json") as partial:
    return fill_dataset(partial, pairs)


def make(folder, count=600):
  """Writes folder/data and folder/vocabulary; returns a config that trains on them."""
  write_dataset(folder / "data", pairs(count))
  sentences = [text for pair in pairs(count) for text in (pair.source, pair.target)]
  (folder / "vocabulary").mkdir()
  unigram.export(unigram.train_unigram(sentences, 200), folder / "vocabulary")
  return config(folder)


def config(folder, **changes):
  """The quickstart's laptop mode on that folder, in one stage; `changes` are its top-level keys."""
  made = quickstart.get_config(
    f"runlocal,one_stage,data={folder / 'data'},tokenizer={folder / 'vocabulary'}"
  )
  made.model.update(vocab_size=200, width=16, heads=2, mlp_width=32, positions=32)
  made.length, made.slots, made.batch_rows, made.log_every = 32, 4, 8, 1
  return with_values(made, unroll=True, **changes)


def pretraining_config(folder, **changes):
  """The same of experiments/pretrain_small.py: one stage of two layers and four steps."""
  made = pretrain_small.get_config(
    f"runlocal,data={folder / 'data'},tokenizer={folder / 'vocabulary'}"
  )
  made.model.update(vocab_size=200, width=16, depth=2, heads=2, mlp_width=32, positions=32)
  made.length, made.batch_rows, made.log_every, made.vocabulary_chunk = 32, 8, 1, 64
  made.masking.slots, made.stages = 6, ((2, 4),)
  return with_values(made, **changes)


def with_values(config, remat=False, **changes):
  """The config with `changes`, and a value for "auto": what takes it need not be settled first."""
  for name, value in {"remat": remat, **changes}.items():
    config[name] = value
  return config
