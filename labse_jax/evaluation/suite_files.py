"""What evaluators share: finding their files, choosing languages, reading aligned lines."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Sized
import pathlib
import re
import typing

from labse_jax.base.errors import InputError, listed
from labse_jax.base.files import read_lines, without_compression
from labse_jax.base.types import PathLike
from labse_jax.data.language_names import language_in

T = typing.TypeVar("T")  # What a suite holds of a language.


def files_in(
  folder: PathLike, suffixes: Collection[str], prefix: str = ""
) -> dict[str, pathlib.Path]:
  """{name: path} of the files with one of `suffixes` in a folder, compressed or not, sorted.

  A name does not hold what the pattern `prefix` matches at its beginning.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(f"{folder}: no such folder; it should hold files {_named(suffixes)}.")
  found: dict[str, pathlib.Path] = {}
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


def split_name(path: PathLike) -> tuple[str, str]:
  """Returns (stem, suffix) of a file's name, without the suffix of a compression."""
  plain = without_compression(path)
  return plain.stem, plain.suffix


def _named(suffixes: Iterable[str]) -> str:
  return " or ".join(f"NAME{suffix}" for suffix in suffixes)


def choose(
  languages: str | Iterable[str] | None,
  available: list[str],
  data: PathLike,
  groups: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
  """The languages asked for, in the order asked; a name of `groups` stands for its languages.

  Text has commas between the languages; None is all. Raises InputError for a language that
  is not available, and where none is asked for.
  """
  if languages is None:
    return available
  groups = groups or {}
  # The command line gives a list, a config may give text.
  names = languages.split(",") if isinstance(languages, str) else languages
  chosen: dict[str, None] = {}
  for name in names:
    name = str(name).strip()
    for code in groups.get(name, [name]):
      chosen[language_in(available, code, place=data, groups=groups)] = None
  if not chosen:
    raise InputError(f"{data}: no language is asked for; choose from {listed(available)}.")
  return list(chosen)


def read_aligned(path: PathLike, other_path: PathLike) -> tuple[list[str], list[str]]:
  """The lines of two files, of which line N of one belongs to line N of the other."""
  lines = _lines(path)
  other_lines = _lines(other_path)
  if len(lines) != len(other_lines):
    raise InputError(
      f"{path} has {len(lines)} lines and {other_path} {len(other_lines)};"
      " line N of one must belong to line N of the other."
    )
  if not lines:
    raise InputError(f"{path}: is empty; one sentence a line is needed.")
  return lines, other_lines


def _lines(path: PathLike) -> list[str]:
  return [line for _, line in read_lines(path)]


def pair_count(columns: Sequence[Sized]) -> int:
  """The number of pairs in a tuple of columns."""
  return len(columns[0])


def large_enough(
  pairs: Mapping[str, T], minimum: int, data: PathLike, *, count: Callable[[T], int]
) -> tuple[dict[str, T], dict[str, int]]:
  """Parts {language: pairs} into those with at least `minimum` pairs, and the sizes of the others.

  `count` gives the number of pairs. Raises InputError where no language has as many.
  """
  kept = {}
  skipped = {}
  for language, its_pairs in pairs.items():
    size = count(its_pairs)
    if size < minimum:
      skipped[language] = size
    else:
      kept[language] = its_pairs
  if not kept:
    most = max(skipped.values())
    raise InputError(f"{data}: no language has {minimum} pairs; the largest has {most}.")
  return kept, skipped
