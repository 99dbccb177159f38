"""Translation catalogues of programs (.po, .mo), folders of them, and wheels read in place."""

from collections.abc import Callable, Iterable, Iterator
import contextlib
import email.parser
import itertools
import os
import pathlib
import re
from typing import NamedTuple
import zipfile
import zlib

from labse_jax.base import workers
from labse_jax.base.errors import InputError
from labse_jax.base.files import open_binary, without_compression
from labse_jax.base.types import PathLike
from labse_jax.data.languages import language_of_locale
from labse_jax.data.sources import Counts, Pair
from labse_jax.data.sources.gettext.catalogues import (
  BYTE_ORDERS,
  Catalogue,
  parse_mo,
  parse_po,
  translations,
)
from labse_jax.data.sources.gettext.messages import clean_pair, has_words

PART_BYTES = 1 << 18  # A worker reads about as much at a time.
FEW_BYTES = 1 << 21  # So little is read before the workers have started.
_IDENTIFIER = re.compile(r"[\w-]+(?:[_.:/][\w-]+)+", re.A)
_LOCALE_FOLDER = re.compile(r"([^/]+)/LC_MESSAGES/[^/]+$")
_ARCHIVES = (".whl", ".zip")
# Its language, and the (source, target) of its messages.
_Catalogue = tuple[str, list[tuple[str, str]]]


def read(paths: Iterable[PathLike], *, counts: Counts) -> Iterator[Pair]:
  """Yields a Pair (eng, language, package) for each translated message of catalogues.

  Where a catalogue stands as .po and as .mo, the .po is read. Fuzzy, untranslated and empty
  entries, messages without words and English variants are dropped and counted. `counts.packages`
  gets each wheel's version and licence. Worker processes read where there is much to read.
  """
  parts = _parts(paths, counts)
  first = []
  for part in parts:
    first.append(part)
    if sum(part.size for part in first) > FEW_BYTES:
      break
  # One part, however large, is read by one process.
  is_much = len(first) > 1 and sum(part.size for part in first) > FEW_BYTES
  number = workers.number_of_workers() if is_much else 1
  results = workers.in_order(part_reader, itertools.chain(first, parts), workers=number)
  for part_counts, origin, catalogues in results:
    counts.add(part_counts)
    for language, texts in catalogues:
      for source, target in texts:
        yield Pair("eng", language, origin, source, target)


class _Part(NamedTuple):
  """Catalogues of one input that are read together; `error` is raised in place of reading them."""

  path: PathLike
  origin: str = ""
  # Of files in a folder or an archive; ("",) where the input is a file itself.
  names: tuple[str, ...] = ()
  size: int = 0
  error: InputError | None = None


def _parts(paths: Iterable[PathLike], counts: Counts) -> Iterator[_Part]:
  """Yields the _Parts of all inputs; an input that is wrong is the last, and raises in its turn."""
  for path in paths:
    try:
      sizes, origin, package = _listing(path)
      names = list(_without_compiled_twins(sizes))
      if not names:
        raise InputError(f"{path}: no .po or .mo file in it.")
    except InputError as error:
      yield _Part(path, error=error)
      return
    counts.packages[origin] = package
    yield from _parts_of(path, origin, names, sizes)


def _parts_of(path, origin, names, sizes):
  part = []
  size = 0
  for name in names:
    part.append(name)
    size += sizes[name]
    if size >= PART_BYTES:
      yield _Part(path, origin, tuple(part), size)
      part = []
      size = 0
  if part:
    yield _Part(path, origin, tuple(part), size)


def _listing(path):
  """Returns ({name: bytes}, origin, package) of an input; `package` is a wheel's, or empty.

  The names are sorted; that of an input which is a file itself is "".
  """
  path = pathlib.Path(path)
  if path.is_dir():
    files = [file for file in path.rglob("*") if file.is_file()]
    sizes = {str(file.relative_to(path)): file.stat().st_size for file in files}
    return dict(sorted(sizes.items())), path.resolve().name, {}
  if path.suffix in _ARCHIVES and path.exists():
    with _archive(path) as archive:
      sizes = {file.filename: file.file_size for file in archive.infolist()}
      names = sorted(sizes)
      package = _package(archive, names)
    origin = package.pop("name", path.stem)
    return {name: sizes[name] for name in names}, origin, package
  size = path.stat().st_size if path.is_file() else 0  # What is missing is told when it is read.
  return {"": size}, path.name.partition(".")[0], {}


@contextlib.contextmanager
def part_reader() -> Iterator[Callable[[_Part], tuple[Counts, str, list[_Catalogue]]]]:
  """Gives read_part(part), which keeps the last input open for its next part.

  read_part returns (Counts, origin, its catalogues).
  """
  with contextlib.ExitStack() as stack:
    # {path: its read_bytes}, of one path.
    opened: dict[PathLike, Callable[[str], bytes]] = {}

    def read_part(part):
      if part.error:
        raise part.error
      if part.path not in opened:
        stack.close()
        opened.clear()
        opened[part.path] = stack.enter_context(_opened(part.path))
      counts = Counts()
      catalogues = list(_catalogues(part, opened[part.path], counts))
      return counts, part.origin, catalogues

    yield read_part


def _catalogues(
  part: _Part, read_bytes: Callable[[str], bytes], counts: Counts
) -> Iterator[_Catalogue]:
  """Yields each catalogue that has any message of use."""
  for name in part.names:
    place = f"{part.path}/{name}" if name else str(part.path)
    # A broken file among many is counted; a broken file that a person named is an error.
    catalogue = _parse(place, read_bytes(name), counts, strict=not name)
    if catalogue:
      language = _language(catalogue, place)
      texts = list(_texts(catalogue, language, counts))
      if language and texts:
        yield language, texts


@contextlib.contextmanager
def _opened(given: PathLike) -> Iterator[Callable[[str], bytes]]:
  """Gives read_bytes(name) for the catalogues of an input."""
  path = pathlib.Path(given)
  if path.is_dir():
    yield lambda name: (path / name).read_bytes()
  elif path.suffix in _ARCHIVES and path.exists():
    with _archive(path) as archive:

      def read_bytes(name):
        with _damage_told(path):
          return archive.read(name)

      yield read_bytes
  else:

    def read_file(_):
      with open_binary(path) as file:
        return file.read()

    yield read_file


@contextlib.contextmanager
def _archive(path: pathlib.Path) -> Iterator[zipfile.ZipFile]:
  with _damage_told(path), zipfile.ZipFile(path) as archive:
    yield archive


@contextlib.contextmanager
def _damage_told(path: pathlib.Path) -> Iterator[None]:
  try:
    yield
  except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
    raise InputError(f"{path}: the archive is damaged or cut short ({error}).") from error


def _without_compiled_twins(names):
  """Yields the names of catalogues, without a .mo that was compiled from a .po beside it."""
  sources = {name for name in names if name.endswith(".po")}
  for name in names:
    is_compiled = name.endswith(".mo") and name.removesuffix(".mo") + ".po" not in sources
    if name in sources or is_compiled or not name:
      yield name


def _parse(place: str, raw: bytes, counts: Counts, *, strict: bool) -> Catalogue | None:
  """The Catalogue in these bytes; None where there is none, or a broken one, which is counted.

  If `strict`, a broken one raises InputError.
  """
  if not raw:
    return None
  try:
    if raw[:4] in BYTE_ORDERS:
      return parse_mo(raw)
    return parse_po(raw)
  except ValueError as error:
    reason = f"not a gettext catalogue: {error}."
    if strict:
      raise InputError(f"{place}: {reason}") from error
    counts.rows += 1
    counts.bad_row(place, reason)
    return None


def _texts(catalogue: Catalogue, language: str | None, counts: Counts) -> Iterator[tuple[str, str]]:
  """Yields the (source, target) of use."""
  counts.rows += len(catalogue.entries) + catalogue.fuzzy + catalogue.empty
  counts.dropped["fuzzy"] += catalogue.fuzzy
  counts.dropped["not translated"] += catalogue.empty
  if language is None:
    counts.dropped["no known language"] += len(catalogue.entries)
    return
  if language.startswith("eng"):
    counts.dropped["English variant"] += len(catalogue.entries)
    return
  for entry in catalogue.entries:
    texts = list(translations(entry, catalogue.header))
    counts.rows += len(texts) - 1  # An entry with a plural makes two rows.
    for english, translated in texts:
      source, target = clean_pair(english, translated)
      reason = _useless(source, target)
      if reason:
        counts.dropped[reason] += 1
      else:
        yield source, target


def _useless(source: str, target: str) -> str | None:
  """Why a message is of no use; None if it is."""
  if not target or source == target:
    return "not translated"
  if _is_identifier(source) or _is_identifier(target):
    return "identifier"
  if not has_words(source) or not has_words(target):
    return "no words"
  return None


def _is_identifier(text):
  return " " not in text and bool(_IDENTIFIER.fullmatch(text))


def _language(catalogue: Catalogue, place: str) -> str | None:
  """The language that a catalogue's folder names, or else its header, or else its file."""
  match = _LOCALE_FOLDER.search(place.replace(os.sep, "/"))
  if match:
    return language_of_locale(match[1])
  path = without_compression(place)
  return language_of_locale(catalogue.header.get("Language", "")) or language_of_locale(path.stem)


def _package(archive, names):
  """Name, version and licence as a wheel's METADATA states them; {} where it has none."""
  metadata = [name for name in names if name.endswith(".dist-info/METADATA")]
  if not metadata:
    return {}
  text = archive.read(metadata[0]).decode("utf-8", "replace")
  headers = email.parser.HeaderParser().parsestr(text)
  licence = headers["License-Expression"] or "; ".join(_licences(headers))
  return {
    "name": headers["Name"],
    "version": headers["Version"],
    "licence": " ".join(licence.split()) or "not stated",
  }


def _licences(headers):
  """The licences that the older headers of a wheel name."""
  licences = []
  named = (headers["License"] or "").strip()
  if named and "\n" not in named:  # Some put the whole text of the licence there.
    licences.append(named)
  for classifier in headers.get_all("Classifier") or []:
    if classifier.startswith("License ::"):
      licences.append(classifier.rpartition("::")[2].strip())
  return licences
