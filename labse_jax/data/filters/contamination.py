"""Filters that keep the sentences of benchmarks out of a training set."""

import csv
import functools
import itertools
import json
import pathlib
import re

from labse_jax.base.errors import InputError
from labse_jax.base.files import COMPRESSIONS, read_lines
from labse_jax.data.text_hash import comparison_key, text_hash

LEAST = 5  # Characters of a field of a table; shorter ones are scores, genres and numbers.
MARKUP = (".xml", ".sgm", ".sgml", ".tmx", ".html")  # Whose lines are no sentences.
_TREC = re.compile("[A-Z]+:[a-z]+ (.+)")  # LABEL:kind question


def filters(benchmarks):
  """For each file or folder of `benchmarks`, (name, whether it holds a side of a row).

  A file has a sentence a line; where lines hold tabs, and in .csv, sentences are fields, and in
  .json and .jsonl strings. Texts that differ in case, punctuation and space alone are the same.
  Raises InputError for what is not there, holds no text, or cannot be read as text.
  """
  return [
    (f"in the benchmark {path}", functools.partial(_holds, _hashes(pathlib.Path(path))))
    for path in benchmarks
  ]


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
  ending = (path.with_suffix("") if path.suffix in COMPRESSIONS else path).suffix.lower()
  if ending in MARKUP:
    raise InputError(f"{path}: is markup; a benchmark to keep out has a sentence a line.")
  lines = _lines(path)
  if ending in (".json", ".jsonl"):
    return _in_json(path, lines if ending == ".jsonl" else ["\n".join(lines)])
  return _in_csv(path, lines) if ending == ".csv" else itertools.chain(*map(_in_line, lines))


def _lines(path):
  """Those of UTF-8 or, as of some of SentEval's files, of Latin-1, in which nothing is an error."""
  for number, line in read_lines(path, latin=True):
    if "\0" in line:
      raise InputError(f"{path}:{number}: is no text; name files that are, without this one.")
    yield line


def _in_line(line):
  if "\t" in line:
    return [text for text in line.split("\t") if len(text) >= LEAST]
  question = _TREC.fullmatch(line)
  return [line, question[1]] if question else [line]


def _in_csv(path, lines):
  """Tables of tabs too: STS-B's own files are named .csv and have no quoting."""
  lines = list(lines)
  yield from itertools.chain(*(_in_line(line) for line in lines if "\t" in line))
  try:
    for fields in csv.reader(f"{line}\n" for line in lines if "\t" not in line):
      texts = [text for field in fields for text in (field, *field.split("\n"))]
      yield from (text for text in texts if len(text) >= LEAST)
  except csv.Error as error:
    raise InputError(f"{path}: cannot be read as .csv ({error}); is a quote not closed?") from error


def _in_json(path, values):
  """Every string in them."""
  for number, value in enumerate(values, 1):
    try:
      yield from _strings(json.loads(value)) if value.strip() else ()
    except (ValueError, RecursionError) as error:
      raise InputError(f"{path}:{number}: cannot be read as JSON ({error}).") from error


def _strings(value):
  if isinstance(value, str):
    return [value]
  inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
  return [text for one in inner for text in _strings(one)]
