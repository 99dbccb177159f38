"""Readers of text: a module per format, with `read(paths, *, counts, **options)`."""

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
import importlib
import inspect
import pathlib
import pkgutil
from typing import NamedTuple

from labse_jax.base.errors import InputError
from labse_jax.base.files import without_compression
from labse_jax.base.types import PathLike

# The formats that are guessed from a file's ending; any other is named by --format.
ENDINGS = {
  ".tsv": "tsv",
  ".tab": "tsv",
  ".tmx": "tmx",
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".po": "gettext",
  ".mo": "gettext",
  ".whl": "gettext",
  ".zip": "gettext",
}
ORDER_OF_COLUMNS = ("source_language", "target_language", "origin", "source", "target")

MOST_BAD_SHOWN = 5


class Pair(NamedTuple):
  """A sentence and its translation; languages are ISO 639-3, with a script where it is unusual.

  A document of one language has its lines in `source`; its target and target language are empty.
  """

  source_language: str
  target_language: str
  origin: str
  source: str
  target: str


class Counts:
  """What a reader met: rows, rows it dropped by reason, bad rows by place, origins' licences."""

  def __init__(self) -> None:
    self.rows = 0
    self.dropped: Counter[str] = Counter()
    self.bad = 0
    self.first_bad: list[str] = []
    self.packages: dict[str, dict[str, str]] = {}

  def bad_row(self, place: str, reason: str) -> None:
    """Counts a row that cannot be read; `place` is file:line."""
    self.bad += 1
    if len(self.first_bad) < MOST_BAD_SHOWN:
      self.first_bad.append(f"{place}: {reason}")

  def add(self, other: "Counts") -> None:
    """Adds the Counts of rows that were read after these."""
    self.rows += other.rows
    self.dropped.update(other.dropped)
    self.bad += other.bad
    self.first_bad = [*self.first_bad, *other.first_bad][:MOST_BAD_SHOWN]
    self.packages.update(other.packages)

  def check(self, allowed_share: float) -> None:
    """Raises InputError if more than `allowed_share` of the rows were bad."""
    if self.bad <= allowed_share * self.rows:
      return
    raise InputError(
      f"{self.first_bad[0]} {self.bad:,} of {self.rows:,} rows are bad "
      f"({self.bad / self.rows:.2%}; {allowed_share:.2%} allowed); --allow-bad-lines SHARE"
      " allows more, they are then skipped."
    )


def formats() -> list[str]:
  """The names of the formats: the modules and packages of this folder, in alphabetical order."""
  # From the folder, so that a new reader is one file and needs no entry in a list.
  return sorted(module.name for module in pkgutil.iter_modules(__path__))


def read(
  paths: Sequence[PathLike], *, counts: Counts, format: str | None = None, **options: str | None
) -> Generator[Pair, None, None]:
  """Yields the Pairs of files, each read as the format that its ending or `format` names."""
  # {format: paths}, as a reader may need more than one file at once.
  groups: dict[str, list[PathLike]] = {}
  for path in paths:
    if format == "text":
      _check_monolingual(path)
    groups.setdefault(format or guess_format(path, paths), []).append(path)
  for name, group in groups.items():
    if name not in formats():
      raise InputError(f"Unknown format {name!r}; choose from {formats()}.")
    reader = importlib.import_module(f"labse_jax.data.sources.{name}").read
    yield from reader(group, counts=counts, **_accepted(reader, name, options))


def _check_monolingual(path):
  ending = f".{stem_and_language(path)[1]}".lower()
  if pathlib.Path(path).is_dir() or ending in ENDINGS:
    raise InputError(
      f"{path}: --format text reads files of one language; prepare parallel text into a dataset "
      "of its own."
    )


def guess_format(path: PathLike, paths: Sequence[PathLike] = ()) -> str:
  """The format that a path's ending names; two files of one stem are Moses files."""
  path = pathlib.Path(path)
  if path.is_dir():
    return "tfds" if (path / "dataset_info.json").exists() else "gettext"
  plain = without_compression(path)
  ending = plain.suffix.lower()
  if ending in ENDINGS:
    return ENDINGS[ending]
  if len(paths) == 2 and stem_and_language(paths[0])[0] == stem_and_language(paths[1])[0]:
    return "moses"
  if ending == ".txt":  # Of one language, or one side of a translation?
    raise InputError(
      f"{path}: say --format text for text of one language; two files aligned by line are "
      "--format moses."
    )
  raise InputError(
    f"{path}: cannot tell the format from the ending {plain.suffix!r} (known: {sorted(ENDINGS)}); "
    f"say --format and one of {formats()}."
  )


def stem_and_language(path: PathLike) -> tuple[str, str]:
  """`a/x.de-en.de.gz` -> ("x.de-en", "de"): how Moses files name their language."""
  plain = without_compression(path)
  return plain.stem, plain.suffix[1:]


def two_languages(
  names: Iterable[str], source: str | None, target: str | None
) -> tuple[str | None, str | None]:
  """The languages of a translation: those given, or else the first of its names; None for none."""
  left = [name for name in names if name not in (source, target)]
  if not source:
    source = left.pop(0) if left else None
  if not target:
    target = left.pop(0) if left else None
  return source, target


def _accepted(reader, name, options):
  """The options that were given; raises InputError for one that the reader does not take."""
  given = {key: value for key, value in options.items() if value is not None}
  # The options are the reader's own parameter names, so that a reader lists what it takes once.
  parameters = inspect.signature(reader).parameters
  for key in given:
    if key not in parameters:
      raise InputError(f"--{key.replace('_', '-')} does not apply to the format {name!r}.")
  return given
