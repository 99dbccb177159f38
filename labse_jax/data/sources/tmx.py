"""Translation memories (TMX 1.x), read as a stream."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, iterparse

from labse_jax.base.errors import InputError
from labse_jax.base.files import open_binary
from labse_jax.base.types import PathLike
from labse_jax.data.languages import standard_language
from labse_jax.data.sources import Counts, Pair
from labse_jax.data.sources.tsv import origin_of

_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_CODES = ("bpt", "ept", "it", "ph", "ut")  # Inline elements that hold markup, not words.


def read(
  paths: Iterable[PathLike],
  *,
  counts: Counts,
  source_language: str | None = None,
  target_language: str | None = None,
) -> Iterator[Pair]:
  """Yields the Pairs of TMX files, from each unit those of the languages given.

  Without languages, a unit's first text makes a pair with each of the others. `en` also means
  en-US. XML that is broken, or that defines entities, is an InputError with file and line.
  """
  for path in paths:
    for unit in _units(path):
      counts.rows += 1
      texts = [_variant(variant) for variant in unit.iter("tuv")]
      pairs = list(_pairs(texts, source_language, target_language))
      if not pairs:
        counts.dropped["no such languages"] += 1
      counts.rows += max(0, len(pairs) - 1)
      for (source_name, source), (target_name, target) in pairs:
        yield Pair(source_name, target_name, origin_of(path), source, target)


def _units(path):
  parser = DefusedXMLParser(target=TreeBuilder())
  with open_binary(path) as file:
    try:
      body = None
      for event, element in iterparse(file, ("start", "end"), parser):
        if event == "start" and element.tag == "body":
          body = element
        elif event == "end" and element.tag == "tu":
          yield element
          if body is not None:
            body.clear()  # Or the whole file would gather in memory.
    except ParseError as error:
      raise InputError(f"{path}:{error.position[0]}: broken XML ({error}).") from error
    except DefusedXmlException as error:
      line = parser.parser.CurrentLineNumber
      raise InputError(
        f"{path}:{line}: XML that defines entities is not read ({type(error).__name__})."
      ) from error
  if body is None:
    raise InputError(f"{path}: no TMX: it has no <body>.")


def _variant(variant: Element) -> tuple[str, str]:
  """Returns (language, text) of a <tuv>."""
  language = variant.get(_XML_LANG) or variant.get("lang") or "und"
  segment = variant.find("seg")
  text = "" if segment is None else "".join(_words(segment))
  return language, text


def _words(element: Element) -> Iterator[str]:
  yield element.text or ""
  for child in element:
    if child.tag not in _CODES:
      yield from _words(child)
    yield child.tail or ""


def _pairs(texts, source_language, target_language):
  """Yields ((language, source), (language, target)) of a unit's [(language, text)]."""

  def is_source(language):
    if source_language is not None:
      return _same(language, source_language)
    return not (target_language and _same(language, target_language))

  def is_target(language):
    return target_language is None or _same(language, target_language)

  sources = [place for place, (language, _) in enumerate(texts) if is_source(language)]
  if not sources:
    return
  for place, (language, _) in enumerate(texts):
    if place != sources[0] and is_target(language):
      yield texts[sources[0]], texts[place]


def _same(language: str, wanted: str) -> bool:
  """Whether a unit's language is the one wanted; "en" wants every English."""
  if "-" in wanted.replace("_", "-"):
    return language.lower().replace("_", "-") == wanted.lower().replace("_", "-")
  return _primary(language) == _primary(wanted)


def _primary(language: str) -> str:
  primary = language.lower().replace("_", "-").partition("-")[0]
  return standard_language(primary).partition("-")[0]
