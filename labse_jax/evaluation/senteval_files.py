"""The files of SentEval's classification tasks (Conneau and Kiela 2018)."""

from collections.abc import Callable, Iterator
import pathlib
import typing

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.base.types import PathLike

TASKS = ("MR", "CR", "SUBJ", "MPQA", "SST2", "TREC", "MRPC")
OPINIONS = {  # A file a label, 0 first; without a test of their own.
  "MR": ("MR/rt-polarity.neg", "MR/rt-polarity.pos"),
  "CR": ("CR/custrev.neg", "CR/custrev.pos"),
  "SUBJ": ("SUBJ/subj.objective", "SUBJ/subj.subjective"),
  "MPQA": ("MPQA/mpqa.neg", "MPQA/mpqa.pos"),
}
PARTS = {
  "SST2": {
    "train": "SST/binary/sentiment-train",
    "dev": "SST/binary/sentiment-dev",
    "test": "SST/binary/sentiment-test",
  },
  "TREC": {"train": "TREC/train_5500.label", "test": "TREC/TREC_10.label"},
  "MRPC": {
    "train": "MRPC/msr_paraphrase_train.txt",
    "test": "MRPC/msr_paraphrase_test.txt",
  },
}


class Task(typing.NamedTuple):
  """N examples: columns of texts, one or two, with a label from 0 on and a part for each row.

  A part is "train", "dev" or "test", or "" where a task has no parts.
  """

  columns: tuple[list[str], ...]
  label_N: np.ndarray
  part_N: np.ndarray


def tasks_in(data: PathLike) -> list[str]:
  """The tasks whose files lie in a folder."""
  wanted = []
  found = []
  for name in TASKS:
    file = _first_file(name)
    wanted.append(file)
    if (pathlib.Path(data) / file).exists():
      found.append(name)
  if not found:
    raise InputError(f"{data}: holds none of {', '.join(wanted)}.")
  return found


def _first_file(name: str) -> str:
  """The file that tells that a task is there."""
  return OPINIONS[name][0] if name in OPINIONS else PARTS[name]["train"]


def read_task(data: PathLike, name: str) -> Task:
  """The Task of a name; raises InputError for a line that does not fit."""
  data = pathlib.Path(data)
  rows = list(_opinions(data, name) if name in OPINIONS else _examples(data, name))
  labels, parts, *columns = zip(*rows, strict=True)
  names, label_N = np.unique(labels, return_inverse=True)
  if len(names) < 2:
    raise InputError(f"{data}: all examples of {name} have the label {labels[0]!r}.")
  return Task(tuple(map(list, columns)), label_N, np.array(parts))


def _opinions(data: pathlib.Path, name: str) -> Iterator[tuple[str, ...]]:
  """Yields (label, part, text) of a task with a file a label."""
  for label, file in enumerate(OPINIONS[name]):
    for _, line in _lines(data / file):
      yield str(label), "", line


def _examples(data: pathlib.Path, name: str) -> Iterator[tuple[str, ...]]:
  """Yields (label, part, text, ...) of a task with a file a part."""
  for part, file in PARTS[name].items():
    for label, *texts in READERS[name](data / file):
      yield label, part, *texts


def _lines(path: pathlib.Path) -> list[tuple[int, str]]:
  """Returns [(number, line)] of the lines with text; some files are Latin-1, not UTF-8."""
  lines = list(read_lines(path, latin=True))
  found = [(number, line) for number, line in lines if line.strip()]
  if not found:
    raise InputError(f"{path}: has {len(lines)} lines, none of them with text.")
  return found


def _labelled_last(path: pathlib.Path) -> Iterator[tuple[str, ...]]:
  """SST's: sentence, tab, 0 or 1."""
  for number, line in _lines(path):
    text, tab, label = line.rpartition("\t")
    if not tab or label not in ("0", "1"):
      raise InputError(f"{path}:{number}: sentence, tab, 0 or 1 is needed.")
    yield label, text


def _labelled_first(path: pathlib.Path) -> Iterator[tuple[str, ...]]:
  """TREC's: KIND:kind, space, question; the six large kinds are the labels."""
  for number, line in _lines(path):
    label, colon, rest = line.partition(":")
    _, space, text = rest.partition(" ")
    if not (colon and space and label.isupper()):
      raise InputError(f"{path}:{number}: KIND:kind, space, question is needed.")
    yield label, text


def _paraphrases(path: pathlib.Path) -> Iterator[tuple[str, ...]]:
  """MRPC's: a header, then 0 or 1, two ids and two sentences."""
  for number, line in _lines(path)[1:]:
    cells = line.split("\t")
    if len(cells) != 5 or cells[0] not in ("0", "1"):
      raise InputError(f"{path}:{number}: 0 or 1, two ids and two sentences are needed, with tabs.")
    yield cells[0], cells[3], cells[4]


READERS: dict[str, Callable[[pathlib.Path], Iterator[tuple[str, ...]]]] = {
  "SST2": _labelled_last,
  "TREC": _labelled_first,
  "MRPC": _paraphrases,
}
