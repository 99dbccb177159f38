"""The files of BUCC's shared task: two texts with ids, and the pairs that are translations."""

from collections.abc import Container, Mapping
import pathlib
import re
import typing

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.base.types import PathLike


class Task(typing.NamedTuple):
  """The distinct foreign and English sentences; a true pair is (foreign row, English row)."""

  gold: list[tuple[int, int]]
  foreign: list[str]
  english: list[str]


def languages_in(data: PathLike) -> list[str]:
  """The languages whose gold pairs for training lie in a folder, sorted."""
  data = pathlib.Path(data)
  if not data.is_dir():
    raise InputError(f"{data}: no such folder; it should hold XX-en.training.gold, .XX and .en.")
  found = []
  for path in data.iterdir():
    name = re.fullmatch(r"(.+)-en\.training\.gold", path.name)
    if name:
      found.append(name[1])
  if not found:
    raise InputError(f"{data}: holds no file named XX-en.training.gold.")
  return sorted(found)


def read_task(data: PathLike, language: str, part: str) -> Task:
  """The Task of a language's "training" or "test"."""
  stem = pathlib.Path(data) / f"{language}-en.{part}"
  foreign = read_columns(f"{stem}.{language}")
  english = read_columns(f"{stem}.en")
  foreign_row = _rows(foreign)
  english_row = _rows(english)
  # Sentences that stand twice are one, and so are pairs of these.
  gold: dict[tuple[int, int], None] = {}
  for foreign_id, english_id in read_gold(f"{stem}.gold", foreign, english):
    gold[foreign_row[foreign[foreign_id]], english_row[english[english_id]]] = None
  return Task(list(gold), list(foreign_row), list(english_row))


def _rows(sentences: Mapping[str, str]) -> dict[str, int]:
  """{sentence: row} of the distinct sentences of {id: sentence}, in their order."""
  return {text: row for row, text in enumerate(dict.fromkeys(sentences.values()))}


def read_gold(path: PathLike, foreign: Container[str], english: Container[str]) -> list[list[str]]:
  """The pairs of ids in a file, each of which is a key of `foreign` and of `english`."""
  pairs = []
  for number, line in read_lines(path):
    ids = line.split("\t")
    if len(ids) != 2:
      raise InputError(f"{path}:{number}: has {len(ids)} columns; id, tab, id is needed.")
    for name, known_ids, side in zip(ids, (foreign, english), ("foreign", "English"), strict=True):
      if name not in known_ids:
        raise InputError(f"{path}:{number}: {name!r} is the id of no {side} sentence.")
    pairs.append(ids)
  if not pairs:
    raise InputError(f"{path}: is empty; id, tab, id is needed.")
  return pairs


def read_columns(path: PathLike) -> dict[str, str]:
  """{id: sentence} of a file."""
  sentences = {}
  for number, line in read_lines(path):
    name, tab, text = line.partition("\t")
    if not tab:
      raise InputError(f"{path}:{number}: has no tab; id, tab, sentence is needed.")
    if name in sentences:
      raise InputError(f"{path}:{number}: the id {name!r} stands there twice.")
    sentences[name] = text
  if not sentences:
    raise InputError(f"{path}: is empty; id, tab, sentence is needed.")
  return sentences
