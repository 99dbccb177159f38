"""The entries of gettext catalogues: .po text and compiled .mo files."""

import gettext
import re
import struct
from typing import NamedTuple

import polib

_CHARSET = re.compile(rb"charset=([\w-]+)")
_DEFAULT = re.compile(r'Default:\s*"(.*)"', re.S)


class Entry(NamedTuple):
  """A message: `english` is (text,) or (singular, plural), `translated` one text per form."""

  english: tuple
  translated: tuple


class Catalogue(NamedTuple):
  """A catalogue's header, entries, and how many of them were fuzzy or not yet translated."""

  header: dict
  entries: list
  fuzzy: int
  empty: int


def parse_po(raw):
  """Parses the bytes of a .po file; raises ValueError with the line where it is broken."""
  match = _CHARSET.search(raw[:20000])
  try:
    text = raw.decode(match[1].decode() if match else "utf-8").removeprefix("\ufeff")
  except LookupError as error:
    raise ValueError(str(error)) from error
  try:
    file = polib.pofile(text.replace("\r\n", "\n") + "\n")
  except OSError as error:
    raise ValueError(str(error).removeprefix(text).strip() or "broken .po file") from error
  entries, fuzzy, empty = [], 0, 0
  for entry in file:
    translated = (entry.msgstr,)
    if entry.msgid_plural:
      translated = tuple(entry.msgstr_plural[key] for key in sorted(entry.msgstr_plural))
    if entry.obsolete or not any(translated):
      empty += not entry.obsolete
    elif entry.fuzzy:
      fuzzy += 1
    else:
      english = (entry.msgid, entry.msgid_plural) if entry.msgid_plural else (_english(entry),)
      entries.append(Entry(english, translated))
  return Catalogue(file.metadata, entries, fuzzy, empty)


def parse_mo(raw):
  """Parses the bytes of a .mo file, where fuzzy entries are already left out."""
  try:
    pairs = list(_mo_strings(raw))
  except struct.error as error:
    raise ValueError(f"cut short ({error})") from error
  header = next((text for key, text in pairs if not key), b"")
  match = _CHARSET.search(header)
  charset = match[1].decode() if match else "utf-8"
  entries, empty = [], 0
  for key, text in pairs:
    if not key:
      continue
    if not text.strip(b"\0"):
      empty += 1
      continue
    key = key.partition(b"\x04")[2] if b"\x04" in key else key  # msgctxt EOT msgid
    entries.append(Entry(*(tuple(s.decode(charset).split("\0")) for s in (key, text))))
  lines = header.decode(charset, "replace").splitlines()
  fields = (line.partition(":") for line in lines)
  return Catalogue({name: value.strip() for name, _, value in fields}, entries, 0, empty)


def translations(entry, header):
  """Yields (english, translation) of an entry: the forms for 1 and for 5, where they differ.

  A language's last form is not always its plural: Latvian's is for 0.
  """
  if len(entry.english) == 1:
    yield entry.english[0], entry.translated[0]
    return
  one, many = _forms(header, len(entry.translated))
  if one != many:
    yield entry.english[0], entry.translated[one]
  yield entry.english[1], entry.translated[many]


def _forms(header, count):
  rule = re.search(r"plural\s*=\s*([^;]+)", header.get("Plural-Forms", ""))
  try:
    form = gettext.c2py(rule[1].strip())
    one, many = form(1), form(5)
  except (TypeError, ValueError, ZeroDivisionError, RecursionError):
    return 0, count - 1
  return (one, many) if max(one, many) < count else (0, count - 1)


def _english(entry):
  # Zope's messages are identifiers, with the English text in an extracted comment.
  default = _DEFAULT.search(entry.comment)
  return default[1].replace('\\"', '"').replace("\n", " ") if default else entry.msgid


def _mo_strings(raw):
  order = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}.get(raw[:4])
  if order is None:
    raise ValueError("not a .mo file")
  count, keys, texts = struct.unpack_from(order + "3I", raw, 8)
  for index in range(count):
    yield tuple(
      raw[start : start + length]
      for length, start in (
        struct.unpack_from(order + "2I", raw, table + 8 * index) for table in (keys, texts)
      )
    )
