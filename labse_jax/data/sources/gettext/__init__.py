"""Translation catalogues of programs (.po, .mo), folders of them, and wheels read in place."""

from collections.abc import Callable
import contextlib
import email.parser
import os
import pathlib
import re
from typing import NamedTuple
import zipfile

from labse_jax.base.errors import InputError
from labse_jax.base.files import open_binary, without_compression
from labse_jax.data.languages import language_of_locale
from labse_jax.data.sources import Pair
from labse_jax.data.sources.gettext.catalogues import BYTE_ORDERS, parse_mo, parse_po, translations
from labse_jax.data.sources.gettext.messages import clean_pair, has_words

_IDENTIFIER = re.compile(r"[\w-]+(?:[_.:/][\w-]+)+", re.A)
_LOCALE_FOLDER = re.compile(r"([^/]+)/LC_MESSAGES/[^/]+$")


def read(paths, *, counts):
  """Yields a Pair (eng, language, package) for each translated message of catalogues.

  Where a catalogue stands as .po and as .mo, the .po is read. Fuzzy, untranslated and empty
  entries, messages without words and English variants are dropped and counted. `counts.packages`
  gets each wheel's version and licence.
  """
  for path in paths:
    with _container(path) as container:
      found = False
      for name in _without_compiled_twins(container.names):
        found = True
        place = f"{path}/{name}" if name else str(path)
        # A broken file among many is counted; a broken file that a person named is an error.
        catalogue = _parse(place, container.read_bytes(name), counts, strict=not name)
        if catalogue:
          yield from _pairs(catalogue, place, container.origin, counts)
      if not found:
        raise InputError(f"{path}: no .po or .mo file in it.")
      counts.packages[container.origin] = container.package


class _Container(NamedTuple):
  """What catalogues are read from; `package` has the version and licence of a wheel."""

  names: list  # Of its files; [""] where it is a single file itself.
  read_bytes: Callable  # read_bytes(name)
  origin: str
  package: dict


@contextlib.contextmanager
def _container(path):
  """Gives the _Container that a wheel, a folder or a single file is."""
  path = pathlib.Path(path)
  if path.is_dir():
    files = [file for file in path.rglob("*") if file.is_file()]
    names = sorted(str(file.relative_to(path)) for file in files)
    yield _Container(names, lambda name: (path / name).read_bytes(), path.resolve().name, {})
  elif path.suffix in (".whl", ".zip") and path.exists():
    try:
      with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        package = _package(archive, names)
        origin = package.pop("name", path.stem)
        yield _Container(names, archive.read, origin, package)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
      raise InputError(f"{path}: the archive is damaged or cut short ({error}).") from error
  else:
    with open_binary(path) as file:
      raw = file.read()
    yield _Container([""], lambda _: raw, path.name.partition(".")[0], {})


def _without_compiled_twins(names):
  """Yields the names of catalogues, without a .mo that was compiled from a .po beside it."""
  sources = {name for name in names if name.endswith(".po")}
  for name in names:
    is_compiled = name.endswith(".mo") and name.removesuffix(".mo") + ".po" not in sources
    if name in sources or is_compiled or not name:
      yield name


def _parse(place, raw, counts, *, strict):
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


def _pairs(catalogue, place, origin, counts):
  counts.rows += len(catalogue.entries) + catalogue.fuzzy + catalogue.empty
  counts.dropped["fuzzy"] += catalogue.fuzzy
  counts.dropped["not translated"] += catalogue.empty
  language = _language(catalogue, place)
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
        yield Pair("eng", language, origin, source, target)


def _useless(source, target):
  """Why a message is of no use; None if it is."""
  if not target or source == target:
    return "not translated"
  if _IDENTIFIER.fullmatch(source) or _IDENTIFIER.fullmatch(target):
    return "identifier"
  if not has_words(source) or not has_words(target):
    return "no words"
  return None


def _language(catalogue, place):
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
