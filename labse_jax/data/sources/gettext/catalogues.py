"""Reads the entries of gettext catalogues: .po text and compiled .mo files."""

from collections.abc import Iterator, Mapping
import functools
import gettext
import re
import struct
from typing import NamedTuple

from labse_jax.data.sources.gettext.po_text import PoEntry, entries_and_header

_CHARSET = re.compile(rb"charset=([\w-]+)")
# By the first bytes of a .mo file.
BYTE_ORDERS = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}
_DEFAULT = re.compile(r'Default:\s*"(.*)"', re.S)


class Entry(NamedTuple):
  """A message: `english` is (text,) or (singular, plural), `translated` has one text per form."""

  english: tuple[str, ...]
  translated: tuple[str, ...]


class Catalogue(NamedTuple):
  """A catalogue's header, entries, and how many of them were fuzzy or not yet translated."""

  header: dict[str, str]
  entries: list[Entry]
  fuzzy: int
  empty: int


def parse_po(raw: bytes) -> Catalogue:
  """Parses the bytes of a .po file; raises ValueError with the line where it is broken."""
  found, header = entries_and_header(_po_text(raw))
  entries = []
  fuzzy = 0
  empty = 0
  for entry in found:
    if entry.obsolete:
      continue
    translated: tuple[str, ...] = (entry.translation,)
    if entry.plural:
      translated = tuple(entry.forms[form] for form in sorted(entry.forms))
    if not any(translated):
      empty += 1
    elif entry.fuzzy:
      fuzzy += 1
    else:
      entries.append(Entry(_english(entry), translated))
  return Catalogue(header, entries, fuzzy, empty)


def _po_text(raw: bytes) -> str:
  charset = _charset(raw[:20000])  # The header comes first.
  try:
    return raw.decode(charset).removeprefix("\ufeff")
  except LookupError as error:
    raise ValueError(str(error)) from error


def _charset(header: bytes) -> str:
  match = _CHARSET.search(header)
  return match[1].decode() if match else "utf-8"


def _english(entry: PoEntry) -> tuple[str, ...]:
  if entry.plural:
    return entry.english, entry.plural
  # Zope's messages are identifiers, with the English text in an extracted comment.
  default = _DEFAULT.search(entry.comment)
  if default:
    return (default[1].replace('\\"', '"').replace("\n", " "),)
  return (entry.english,)


def parse_mo(raw: bytes) -> Catalogue:
  """Parses the bytes of a .mo file, where fuzzy entries are already left out."""
  try:
    strings = list(_mo_strings(raw))
  except struct.error as error:
    raise ValueError(f"cut short ({error})") from error
  # The header is the translation of the empty message.
  header = next((translated for message, translated in strings if not message), b"")
  charset = _charset(header)
  entries = []
  empty = 0
  for message, translated in strings:
    if not message:
      continue
    if not translated.strip(b"\0"):
      empty += 1
      continue
    if b"\x04" in message:  # msgctxt EOT msgid
      message = message.partition(b"\x04")[2]
    entries.append(Entry(_forms_in(message, charset), _forms_in(translated, charset)))
  return Catalogue(_fields(header.decode(charset, "replace")), entries, 0, empty)


def _forms_in(raw: bytes, charset: str) -> tuple[str, ...]:
  return tuple(raw.decode(charset).split("\0"))


def _fields(header: str) -> dict[str, str]:
  fields = {}
  for line in header.splitlines():
    name, _, value = line.partition(":")
    fields[name] = value.strip()
  return fields


def _mo_strings(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
  """Yields (message, translated), as bytes, from the two tables of a .mo file."""
  order = BYTE_ORDERS.get(raw[:4])
  if order is None:
    raise ValueError("not a .mo file")
  count, messages, translated = struct.unpack_from(order + "3I", raw, 8)
  for index in range(count):
    yield _mo_string(raw, order, messages, index), _mo_string(raw, order, translated, index)


def _mo_string(raw: bytes, order: str, table: int, index: int) -> bytes:
  length, start = struct.unpack_from(order + "2I", raw, table + 8 * index)
  return raw[start : start + length]


def translations(entry: Entry, header: Mapping[str, str]) -> Iterator[tuple[str, str]]:
  """Yields (english, translation) of an entry: the forms for 1 and for 5, where they differ.

  A language's last form is not always its plural: Latvian's is for 0.
  """
  if len(entry.english) == 1:
    yield entry.english[0], entry.translated[0]
    return
  one, many = _forms(header.get("Plural-Forms", ""), len(entry.translated))
  if one != many:
    yield entry.english[0], entry.translated[one]
  yield entry.english[1], entry.translated[many]


@functools.lru_cache(maxsize=1024)
def _forms(field: str, count: int) -> tuple[int, int]:
  """The numbers of the forms for 1 and for 5; the first and the last where no rule says."""
  rule = re.search(r"plural\s*=\s*([^;]+)", field)
  if not rule:
    return 0, count - 1
  try:
    form = gettext.c2py(rule[1].strip())
    one = form(1)
    many = form(5)
  except (ValueError, SyntaxError, ZeroDivisionError, RecursionError):
    return 0, count - 1
  if max(one, many) >= count:
    return 0, count - 1
  return one, many
