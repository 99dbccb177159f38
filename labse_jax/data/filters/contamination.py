"""Filters that keep the sentences of benchmarks out of a training set."""

from collections.abc import Iterable, Iterator
import csv
import functools
import json
import pathlib
import re
from typing import Any

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines, without_compression
from labse_jax.base.types import PathLike
from labse_jax.data.filters import Filter
from labse_jax.data.sources import Pair
from labse_jax.data.text_hash import comparison_key, text_hash

LEAST = 5  # Characters of a field of a table; shorter ones are scores, genres and numbers.
MARKUP = (".xml", ".sgm", ".sgml", ".tmx", ".html")  # Lines of these are not sentences.
_TREC = re.compile("[A-Z]+:[a-z]+ (.+)")  # LABEL:kind question


def filters(benchmarks: Iterable[PathLike]) -> list[Filter]:
  """For each file or folder of `benchmarks` a filter that drops a row with a side in it.

  A file has a sentence a line. Where lines hold tabs, and in .csv, the fields are sentences; in
  .json and .jsonl the strings are. Texts that differ only in case, punctuation and space are the
  same. Raises InputError for a path that is not there, holds no text, or cannot be read as text.
  """
  found: list[Filter] = []
  for path in benchmarks:
    hashes = _hashes(pathlib.Path(path))
    found.append((f"in the benchmark {path}", functools.partial(_holds, hashes)))
  return found


def _holds(hashes: set[int], row: Pair) -> bool:
  sides = [text for text in (row.source, row.target) if text]
  return any(text_hash(comparison_key(text)) in hashes for text in sides)


def _hashes(path: pathlib.Path) -> set[int]:
  files = [path]
  if path.is_dir():
    files = sorted(file for file in path.rglob("*") if file.is_file())
  hashes: set[int] = set()
  for file in files:
    hashes.update(text_hash(comparison_key(text)) for text in _texts(file))
  if not hashes:
    raise InputError(f"{path}: holds no text; a benchmark to keep out is a file or a folder.")
  return hashes


def _texts(path: pathlib.Path) -> Iterator[str]:
  """The sentences of a file, compressed or not."""
  plain = without_compression(path)
  ending = plain.suffix.lower()
  if ending in MARKUP:
    raise InputError(f"{path}: is markup; a benchmark to keep out has a sentence a line.")
  lines = _lines(path)
  if ending == ".jsonl":
    return _in_json(path, lines)
  if ending == ".json":
    return _in_json(path, ["\n".join(lines)])
  if ending == ".csv":
    return _in_csv(path, lines)
  return _in_lines(lines)


def _lines(path: pathlib.Path) -> Iterator[str]:
  """The lines of a file of UTF-8 or, as some of SentEval's are, of Latin-1."""
  for number, line in read_lines(path, latin=True):
    if "\0" in line:  # Anything can be read as Latin-1; so this is all that shows what is no text.
      raise InputError(f"{path}:{number}: is no text; name files that are, without this one.")
    yield line


def _in_lines(lines: Iterable[str]) -> Iterator[str]:
  for line in lines:
    if "\t" in line:
      yield from _long_enough(line.split("\t"))
      continue
    yield line
    question = _TREC.fullmatch(line)
    if question:
      yield question[1]


def _in_csv(path: pathlib.Path, lines: Iterable[str]) -> Iterator[str]:
  """Tables of tabs too: STS-B's own files are named .csv and have no quoting."""
  with_commas = []
  for line in lines:
    if "\t" in line:
      yield from _long_enough(line.split("\t"))
    else:
      with_commas.append(f"{line}\n")
  try:
    for fields in csv.reader(with_commas):
      for field in fields:
        yield from _long_enough([field, *field.split("\n")])
  except csv.Error as error:
    raise InputError(f"{path}: cannot be read as .csv ({error}); is a quote not closed?") from error


def _long_enough(fields: Iterable[str]) -> list[str]:
  return [field for field in fields if len(field) >= LEAST]


def _in_json(path: pathlib.Path, values: Iterable[str]) -> Iterator[str]:
  """Every string in them."""
  for number, value in enumerate(values, 1):
    if not value.strip():
      continue
    try:
      yield from _strings(json.loads(value))
    except (ValueError, RecursionError) as error:
      raise InputError(f"{path}:{number}: cannot be read as JSON ({error}).") from error


def _strings(value: Any) -> Iterator[str]:
  if isinstance(value, str):
    yield value
  elif isinstance(value, dict):
    yield from _strings(list(value.values()))
  elif isinstance(value, list):
    for inner in value:
      yield from _strings(inner)
