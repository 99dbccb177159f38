"""Translation catalogues of programs (.po, .mo), folders of them, and wheels read in place."""

import contextlib
import email.parser
import os
import pathlib
import re
import zipfile

from labse_jax.base.errors import InputError
from labse_jax.base.files import COMPRESSIONS, open_binary
from labse_jax.data.languages import language_of_locale
from labse_jax.data.sources import Pair
from labse_jax.data.sources.gettext.catalogues import parse_mo, parse_po, translations
from labse_jax.data.sources.gettext.messages import clean_pair, has_words

_IDENTIFIER = re.compile(r"[\w-]+(?:[_.:/][\w-]+)+", re.A)
_LOCALE_FOLDER = re.compile(r"([^/]+)/LC_MESSAGES/[^/]+$")


def read(paths, *, counts):
  """Yields a Pair (eng, language, package) for each translated message of catalogues.

  Of a catalogue's .po and .mo the .po is read. Fuzzy, untranslated and empty entries, messages
  without words and English variants are dropped and counted; `counts.packages` gets each wheel's
  version and licence.
  """
  for path in paths:
    with _container(path) as (names, read_bytes, origin, package):
      found = False
      for name in _without_compiled_twins(names):
        place = f"{path}/{name}" if name else str(path)
        catalogue = _parse(place, read_bytes(name), counts, strict=not name)
        found = True
        if catalogue:
          yield from _pairs(catalogue, place, origin, counts)
      if not found:
        raise InputError(f"{path}: no .po or .mo file in it.")
      counts.packages[origin] = package


@contextlib.contextmanager
def _container(path):
  """Gives (names, read_bytes, origin, package) of a wheel, a folder or a single file."""
  path = pathlib.Path(path)
  if path.is_dir():
    names = sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())
    yield names, lambda name: (path / name).read_bytes(), path.resolve().name, {}
  elif path.suffix in (".whl", ".zip") and path.exists():
    try:
      with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        package = _package(archive, names)
        yield names, archive.read, package.pop("name", path.stem), package
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
      raise InputError(f"{path}: the archive is damaged or cut short ({error}).") from error
  else:
    with open_binary(path) as file:
      raw = file.read()
    yield [""], lambda _: raw, path.name.partition(".")[0], {}


def _without_compiled_twins(names):
  sources = {name for name in names if name.endswith(".po")}
  for name in names:
    if name in sources or not name or name.endswith(".mo") and f"{name[:-3]}.po" not in sources:
      yield name


def _parse(place, raw, counts, *, strict):
  if not raw:
    return None
  try:
    return parse_mo(raw) if raw[:4] in _MO_MAGIC else parse_po(raw)
  except ValueError as error:
    reason = f"not a gettext catalogue: {error}."
    if strict:
      raise InputError(f"{place}: {reason}") from error
    counts.rows += 1
    counts.bad_row(place, reason)


_MO_MAGIC = (b"\xde\x12\x04\x95", b"\x95\x04\x12\xde")


def _pairs(catalogue, place, origin, counts):
  language = _language(catalogue, place)
  counts.rows += len(catalogue.entries) + catalogue.fuzzy + catalogue.empty
  counts.dropped["fuzzy"] += catalogue.fuzzy
  counts.dropped["not translated"] += catalogue.empty
  if language is None or language.startswith("eng"):
    reason = "English variant" if language else "no known language"
    counts.dropped[reason] += len(catalogue.entries)
    return
  for entry in catalogue.entries:
    texts = list(translations(entry, catalogue.header))
    counts.rows += len(texts) - 1
    for english, translated in texts:
      source, target = clean_pair(english, translated)
      reason = _useless(source, target)
      if reason:
        counts.dropped[reason] += 1
      else:
        yield Pair("eng", language, origin, source, target)


def _useless(source, target):
  if not target or source == target:
    return "not translated"
  if _IDENTIFIER.fullmatch(source) or _IDENTIFIER.fullmatch(target):
    return "identifier"
  return None if has_words(source) and has_words(target) else "no words"


def _language(catalogue, place):
  match = _LOCALE_FOLDER.search(place.replace(os.sep, "/"))
  plain = pathlib.Path(place)
  plain = plain.with_suffix("") if plain.suffix in COMPRESSIONS else plain
  names = [match[1]] if match else [catalogue.header.get("Language", ""), plain.stem]
  return next(filter(None, map(language_of_locale, names)), None)


def _package(archive, names):
  """Name, version and licence as a wheel's METADATA states them."""
  name = next((name for name in names if name.endswith(".dist-info/METADATA")), None)
  if name is None:
    return {}
  data = email.parser.HeaderParser().parsestr(archive.read(name).decode("utf-8", "replace"))
  classifiers = data.get_all("Classifier") or []
  licences = [c.rpartition("::")[2].strip() for c in classifiers if c.startswith("License ::")]
  named = (data["License"] or "").strip()
  if named and "\n" not in named:  # Some put the whole text of the licence there.
    licences.insert(0, named)
  licence = data["License-Expression"] or "; ".join(licences) or "not stated"
  return {
    "name": data["Name"],
    "version": data["Version"],
    "licence": " ".join(licence.split()) or "not stated",
  }
