"""Translation memories (TMX 1.x), read as a stream."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, iterparse

from labse_jax.base.errors import InputError
from labse_jax.base.files import open_binary
from labse_jax.base.reading.limits import Bounded, limits
from labse_jax.base.types import PathLike
from labse_jax.data.languages import is_wanted, reason_against
from labse_jax.data.sources import Counts, Pair
from labse_jax.data.sources.tsv import origin_of

_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_MOST_NESTED = 100  # Elements in one another; a TMX file has fewer than ten.
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
    for number, unit in enumerate(_units(path), 1):
      counts.rows += 1
      texts = [_variant(variant) for variant in unit.iter("tuv")]
      pairs = list(_pairs(texts, source_language, target_language))
      if not pairs:
        counts.dropped["no such languages"] += 1
      counts.rows += max(0, len(pairs) - 1)
      for (source_name, source), (target_name, target) in pairs:
        reason = reason_against(source_name, target_name)
        if reason:
          counts.bad_row(f"{path}: unit {number}", reason)
        else:
          yield Pair(source_name, target_name, origin_of(path), source, target)


def _units(path):
  parser = DefusedXMLParser(target=TreeBuilder())
  has_body = False
  with open_binary(path) as file:
    bounded = Bounded(
      file, limits.line, lambda: limits.too_long(f"{path}:{_line(parser)}: a unit that ends here")
    )
    opened: list[Element] = []  # The elements that have not ended, from the outermost.
    units = 0  # How many of them are units.
    try:
      for event, element in iterparse(bounded, ("start", "end"), parser):
        if event == "start":
          has_body = has_body or element.tag == "body"
          units += element.tag == "tu"
          opened.append(element)
          _check_nesting(path, parser, opened)
          continue
        opened.pop()
        if element.tag == "tu":
          yield element
          units -= 1
        if units == 0:
          if element.tag == "tu":
            bounded.reset()
          if opened:
            opened[-1].clear()  # Or the whole file would gather in memory.
    except ParseError as error:
      raise InputError(f"{path}:{error.position[0]}: broken XML ({error}).") from error
    except DefusedXmlException as error:
      raise InputError(
        f"{path}:{_line(parser)}: XML that defines entities is not read ({type(error).__name__})."
      ) from error
  if not has_body:
    raise InputError(f"{path}: no TMX: it has no <body>.")


def _check_nesting(path, parser, opened):
  if len(opened) > _MOST_NESTED:
    raise InputError(f"{path}:{_line(parser)}: over {_MOST_NESTED} elements stand in one another.")


def _line(parser):
  """The number of the line where the parser stands."""
  return parser.parser.CurrentLineNumber


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
      return is_wanted(language, source_language)
    return not (target_language and is_wanted(language, target_language))

  def is_target(language):
    return target_language is None or is_wanted(language, target_language)

  sources = [place for place, (language, _) in enumerate(texts) if is_source(language)]
  if not sources:
    return
  for place, (language, _) in enumerate(texts):
    if place != sources[0] and is_target(language):
      yield texts[sources[0]], texts[place]
