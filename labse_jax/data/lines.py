"""Lines of text files, or of a dataset, each with the place where it stands."""

from collections.abc import Collection, Iterable, Iterator
import itertools
from typing import TypeVar

from labse_jax.base import files
from labse_jax.base.types import PathLike
from labse_jax.data.dataset import Dataset
from labse_jax.data.language_names import language_in

CHUNK = 2048  # Lines that are tokenised at a time, and records that are read.
SIDES = ("source", "target")
T = TypeVar("T")


def of_files(paths: Iterable[PathLike]) -> Iterator[tuple[str, str]]:
  """Yields ("file:number", line) for the lines of text files; blank ones are left out."""
  for path in paths:
    for number, line in files.read_lines(path):
      if line.strip():
        yield f"{path}:{number}", line


def of_dataset(
  dataset: Dataset, languages: Collection[str] | None = None
) -> Iterator[tuple[str, str]]:
  """Yields ("folder:record:side", line) for a dataset's text in these languages, or in all.

  Raises InputError for a language that the dataset does not have.
  """
  # The records of a group have the same languages, so its first one speaks for all.
  groups = []
  present = set()
  for indices in dataset.indices_by_language.values():
    if len(indices):
      codes = _languages_of(dataset.source[indices[0]])
      groups.append((indices, codes))
      present.update(codes.values())
  wanted = present
  if languages:
    codes = sorted(present - {""})
    wanted = {language_in(codes, language, place=dataset.folder) for language in languages}

  for indices, codes in groups:
    sides = [side for side in SIDES if codes[side] and codes[side] in wanted]
    if not sides:
      continue
    for part in chunks(indices.tolist()):
      for index, example in zip(part, dataset.source.__getitems__(part), strict=True):
        yield from _lines_of(example, sides, place=f"{dataset.folder}:{index}")


def _languages_of(example):
  return {side: example[f"{side}_language"] for side in SIDES}


def _lines_of(example, sides, *, place):
  for side in sides:
    for line in example[side].split("\n"):  # A document has several.
      if line.strip():
        yield f"{place}:{side}", line


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
  """Yields lists of CHUNK items; the last may be shorter."""
  items = iter(items)
  while chunk := list(itertools.islice(items, CHUNK)):
    yield chunk
