"""Filters that keep the sentences of benchmarks out of a training set."""

import csv
import functools
import pathlib

from labse_jax.data.text_hash import comparison_key, text_hash
from labse_jax.errors import InputError
from labse_jax.files import COMPRESSIONS, read_lines

LEAST = 5  # Characters of a field of a table; shorter ones are scores, genres and numbers.


def filters(benchmarks):
  """For each file or folder of `benchmarks`, (name, whether it holds a side of a row).

  A file has a sentence a line; where lines hold tabs, and in .csv, sentences are fields. Texts
  that differ in case, punctuation and space alone are the same. Raises InputError for what is not
  there or holds no text.
  """
  return [(f"in the benchmark {path}", functools.partial(_holds, _hashes(pathlib.Path(path))))
          for path in benchmarks]  # fmt: skip


def _holds(hashes, row):
  return any(text_hash(comparison_key(text)) in hashes for text in (row.source, row.target) if text)


def _hashes(path):
  paths = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
  found = {text_hash(comparison_key(text)) for one in paths for text in _texts(one)}
  if not found:
    raise InputError(f"{path}: holds no text; a benchmark to keep out is a file or a folder.")
  return found


def _texts(path):
  """The sentences of a file, compressed or not."""
  stem = path.with_suffix("") if path.suffix in COMPRESSIONS else path
  lines = (line for _, line in read_lines(path))
  if stem.suffix == ".csv":
    yield from (field for fields in csv.reader(lines) for field in fields if len(field) >= LEAST)
    return
  for line in lines:
    fields = line.split("\t")
    yield from fields if len(fields) == 1 else (text for text in fields if len(text) >= LEAST)
