"""What evaluators share: choosing and reading their files, encoding, intervals by resampling."""

import pathlib
import re

from labse_jax.base.errors import InputError
from labse_jax.base.files import COMPRESSIONS, read_lines


def files_in(folder, suffixes, prefix=""):
  """{name: path} of the files with one of `suffixes` in a folder, compressed or not, sorted.

  What the pattern `prefix` matches at its beginning is no part of a name.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(f"{folder}: no such folder; it should hold files {_named(suffixes)}.")
  found = {}
  for path in sorted(folder.iterdir()):
    name, suffix = split_name(path)
    if suffix not in suffixes or name.startswith("."):
      continue
    name = re.sub(f"^(?:{prefix})", "", name)
    if name in found:
      raise InputError(f"{folder}: {found[name].name} and {path.name} are both called {name!r}.")
    found[name] = path
  if not found:
    raise InputError(f"{folder}: holds no file {_named(suffixes)}.")
  return dict(sorted(found.items()))


def split_name(path):
  """(stem, suffix) of a file's name, without the suffix of a compression."""
  path = pathlib.Path(path)
  path = path.with_suffix("") if path.suffix in COMPRESSIONS else path
  return path.stem, path.suffix


def _named(suffixes):
  return " or ".join(f"NAME{suffix}" for suffix in suffixes)


def choose(languages, available, data, groups=None):
  """The languages asked for, groups spelled out; those not available are an InputError."""
  if languages is None:
    return available
  groups = groups or {}
  names = languages.split(",") if isinstance(languages, str) else languages
  names = [str(name).strip() for name in names]
  chosen = list(dict.fromkeys(code for name in names for code in groups.get(name, [name])))
  unknown = [code for code in chosen if code not in available]
  if unknown:
    raise InputError(
      f"{data}: holds no language {', '.join(map(repr, unknown))}; choose from "
      + ", ".join(available)
      + (f" or the groups {', '.join(groups)}." if groups else ".")
    )
  if not chosen:
    raise InputError(f"{data}: no language is asked for; choose from {', '.join(available)}.")
  return chosen


def read_aligned(path, other_path):
  """The lines of two files, of which line N of one belongs to line N of the other."""
  lines, other_lines = ([line for _, line in read_lines(name)] for name in (path, other_path))
  if len(lines) != len(other_lines):
    raise InputError(
      f"{path} has {len(lines)} lines and {other_path} {len(other_lines)};"
      " line N of one must belong to line N of the other."
    )
  if not lines:
    raise InputError(f"{path}: is empty; one sentence a line is needed.")
  return lines, other_lines


def large_enough(pairs, minimum, data):
  """({language: pairs}, {language: number of pairs}) of those with at least `minimum`, and others.

  Pairs are a tuple of columns. Raises InputError where no language has as many.
  """
  skipped = {name: len(sides[0]) for name, sides in pairs.items() if len(sides[0]) < minimum}
  kept = {name: sides for name, sides in pairs.items() if name not in skipped}
  if not kept:
    most = max(skipped.values())
    raise InputError(f"{data}: no language has {minimum} pairs; the largest has {most}.")
  return kept, skipped
