"""What pack.sh put beside this kit: pairs, lines, a vocabulary and held-out sentences."""

from collections.abc import Iterator
import itertools
import pathlib

from labse_jax.base.files import replacing_folder
from labse_jax.data.dataset import fill_dataset
from labse_jax.data.sources import Counts, Pair, read
from labse_jax.tokenizer.files import tokenizer_file
from labse_jax.tokenizer.tokenizer import Tokenizer
from sections.places import KIT, SMALL, WORK

VOCABULARY = KIT / "vocabulary"
HELD_OUT = KIT / "held_out"
PAIRS = 5_000 if SMALL else None  # None: all.
MARKER = "language_pairs.json"  # It tells a dataset from a folder that must not be replaced.


def pairs() -> Iterator[Pair]:
  """All packed pairs, in their order."""
  return read([KIT / "pairs.jsonl.zst"], counts=Counts())


def lines(count: int) -> list[str]:
  """The first `count` lines of text."""
  text = (KIT / "lines.txt").read_text("utf-8")
  return text.split("\n")[:-1][:count]


def tokenizer() -> Tokenizer:
  return Tokenizer(tokenizer_file(VOCABULARY))


def dataset() -> pathlib.Path:
  """The folder of the dataset of all packed pairs; written by the first section that asks."""
  folder = WORK / "data"
  if not (folder / MARKER).exists():
    write_dataset(folder, PAIRS)
  return folder


def write_dataset(folder: pathlib.Path, count: int | None) -> int:
  """Writes the first `count` pairs as a dataset, or all; returns their number."""
  folder.parent.mkdir(parents=True, exist_ok=True)
  with replacing_folder(folder, marker=MARKER) as partial:
    return fill_dataset(partial, itertools.islice(pairs(), count))
