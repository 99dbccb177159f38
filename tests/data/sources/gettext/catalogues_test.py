"""Entries of .po and .mo files: the same messages, whatever the charset, context or byte order."""

import struct

import polib
import pytest

from labse_jax.data.sources.gettext.catalogues import Entry, parse_mo, parse_po, translations

POLISH = "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"
LATVIAN = "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n != 0 ? 1 : 2);"


def catalogue(*entries, charset="UTF-8"):
  file = polib.POFile(encoding=charset)
  file.metadata = {"Content-Type": f"text/plain; charset={charset}", "Language": "pl"}
  file.extend(polib.POEntry(**entry) for entry in entries)
  return file


def po(*entries, charset="UTF-8"):
  return str(catalogue(*entries, charset=charset)).encode(charset)


def mo(*entries, charset="UTF-8"):
  return catalogue(*entries, charset=charset).to_binary()


SAVE = {"msgid": "Save it", "msgstr": "Zachowa\u0107", "msgctxt": "menu"}
FILES = {
  "msgid": "file",
  "msgid_plural": "files",
  "msgstr_plural": {2: "plik\u00f3w", 0: "plik", 1: "pliki"},
}


@pytest.mark.parametrize("charset", ["UTF-8", "ISO-8859-2"])
@pytest.mark.parametrize(("write", "parse"), [(po, parse_po), (mo, parse_mo)])
def test_both_formats_give_the_same_entries(write, parse, charset):
  found = parse(write(SAVE, FILES, charset=charset))
  assert sorted(found.entries) == [
    Entry(("Save it",), ("Zachowa\u0107",)),
    Entry(("file", "files"), ("plik", "pliki", "plik\u00f3w")),
  ]
  assert found.header["Language"] == "pl"
  assert (found.fuzzy, found.empty) == (0, 0)


def test_fuzzy_and_empty_entries_are_counted_and_obsolete_ones_are_not():
  found = parse_po(
    po(
      SAVE,
      {"msgid": "Not sure", "msgstr": "Nie", "flags": ["fuzzy"]},
      {"msgid": "Nothing yet", "msgstr": ""},
      {"msgid": "Nor here", "msgstr": ""},
      {"msgid": "Removed", "msgstr": "Nie ma", "obsolete": True},
    )
  )
  assert len(found.entries) == 1
  assert (found.fuzzy, found.empty) == (1, 2)


def test_an_identifier_gives_way_to_the_default_text_in_its_comment():
  entry = {"msgid": "label_on", "msgstr": "An", "comment": 'Default: "Turn \\"it\\"\non"'}
  assert parse_po(po(entry)).entries == [Entry(('Turn "it" on',), ("An",))]


def test_a_mo_file_of_the_other_byte_order():
  texts = [b"", b"Content-Type: text/plain; charset=UTF-8\n", b"menu\x04Open", b"Otw\xc3\xb3rz"]
  tables = []
  start = 28 + 4 * 8
  for text in texts:
    tables.append(struct.pack(">2I", len(text), start))
    start += len(text)
  header = struct.pack(">7I", 0x950412DE, 0, 2, 28, 44, 0, 0)
  raw = header + tables[0] + tables[2] + tables[1] + tables[3] + b"".join(texts)
  assert parse_mo(raw).entries == [Entry(("Open",), ("Otw\u00f3rz",))]


@pytest.mark.parametrize(
  ("parse", "raw", "message"),
  [
    (parse_po, b'msgid "cut\nmsgstr ', "line"),
    (parse_po, b'msgid ""\nmsgstr "charset=no-such-one\\n"\n', "no-such-one"),
    (parse_mo, b"no catalogue at all", "not a .mo file"),
    (parse_mo, b"\xde\x12\x04\x95\0\0\0\0\x05\0\0\0", "cut short"),
  ],
)
def test_a_broken_catalogue_is_a_value_error(parse, raw, message):
  with pytest.raises(ValueError, match=message):
    parse(raw)


@pytest.mark.parametrize(
  ("rule", "forms", "expected"),
  [
    (POLISH, ("plik", "pliki", "plikow"), [("file", "plik"), ("files", "plikow")]),
    (LATVIAN, ("fails", "faili", "failu"), [("file", "fails"), ("files", "faili")]),
    ("nplurals=1; plural=0;", ("fairu",), [("files", "fairu")]),
    # A rule that is broken, or names a form that is not there: the first and the last form.
    ("plural=broken", ("Datei", "Dateien"), [("file", "Datei"), ("files", "Dateien")]),
    ("plural=n==!n;", ("Datei", "Dateien"), [("file", "Datei"), ("files", "Dateien")]),
    ("", ("Datei", "Dateien"), [("file", "Datei"), ("files", "Dateien")]),
    (POLISH, ("Datei", "Dateien"), [("file", "Datei"), ("files", "Dateien")]),
  ],
)
def test_a_plural_gives_the_forms_for_one_and_for_many(rule, forms, expected):
  entry = Entry(("file", "files"), forms)
  assert list(translations(entry, {"Plural-Forms": rule})) == expected
