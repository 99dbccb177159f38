"""The entries, the header and the errors are those of polib, but where msgfmt reads more."""

import random
import re

import polib
import pytest

from labse_jax.data.sources.gettext.po_text import entries_and_header

SAMPLE = r"""# Translators: one, two
#
msgid ""
msgstr ""
"Language: de\n"
"Plural-Forms: nplurals=2;\n"
" plural=(n != 1);\n"

#: a.py:1 b.py:22
#, fuzzy, python-format
#| msgctxt "old"
#| msgid "Save %s"
#| "now"
msgctxt "menu"
msgid "Save \"%s\"\n"
"to the disk\\"
msgstr "Sichern"

#. Default: "Two
#. lines"
#: c.py
msgid "label"
msgstr	"Zeichen"
## A note
msgid "file"
msgid_plural "files"
msgstr[0] "Datei"
msgstr[1] "Dat"
"eien"

#~| msgid "x"
#~ msgctxt "gone"
#~ msgid "Old"
#~ msgstr "A"
#~ "lt"

msgctxt "empty"
msgid ""
msgstr "Leer"
"""
ODD_LINES = (
  *("#", "##x", "#.", "#:", "#,", "#, fuzzy", '#| "y"', '#| msgid "x"'),
  *('#| no "x"', "#| msgid", "msgid", "msgstr[", 'msgstr[0] "x"', 'msgstr[x] "y"', 'msgid ""'),
  *('msgstr ""', '"', '"a"b"', r'msgid "a\"', 'msgctxt "c"', 'msgid_plural "p"', "word"),
)
# What polib does not read: an obsolete comment or nothing obsolete, and nothing earlier.
READ_BY_MSGFMT = re.compile(r"#~\s*(#.*)?|#\|")


def of_polib(text):
  try:
    file = polib.pofile(text)
  except OSError as error:
    return str(error)
  entries = []
  for entry in file:
    texts = (entry.msgid, entry.msgid_plural, entry.msgstr, entry.msgstr_plural, entry.comment)
    entries.append((entry.msgctxt or "", *texts, entry.fuzzy, bool(entry.obsolete)))
  return entries, file.metadata


def of_ours(text):
  try:
    entries, header = entries_and_header(text.split("\n"))
  except ValueError as error:
    return str(error)
  return [tuple(getattr(entry, name) for name in entry.__slots__) for entry in entries], header


def changed(lines, rng):
  """The lines with up to three of them lost, doubled, exchanged, cut or made odd."""
  lines = list(lines)
  for _ in range(rng.randint(1, 3)):
    place = rng.randrange(len(lines))
    other = rng.randrange(len(lines))
    cut = lines[place][: rng.randrange(len(lines[place]) + 1)]
    change = rng.choice(["lose", "double", "cut", "obsolete", "odd", "odd"])
    if change == "lose":
      lines[place] = ""
    elif change == "double":
      lines.insert(place, lines[other])
    elif change == "cut":
      lines[place] = cut
    elif change == "obsolete":
      lines[place] = f"#~ {lines[place]}"
    else:
      lines.insert(place, rng.choice(ODD_LINES))
    if READ_BY_MSGFMT.fullmatch(lines[place].strip()):
      lines[place] = ""
  return lines


def test_a_file_gives_the_entries_of_polib():
  entries, header = of_ours(SAMPLE)
  assert (entries, header) == of_polib(SAMPLE)
  assert header == {"Language": "de", "Plural-Forms": "nplurals=2;\nplural=(n != 1);"}
  assert [entry[1] for entry in entries] == ['Save "%s"\nto the disk\\', "label", "file", "Old", ""]


def test_a_changed_file_gives_the_entries_or_the_error_of_polib():
  rng = random.Random(0)
  broken = 0
  for _ in range(3000):
    # Of a file that ends in a comment polib may lose the last entry; so another comes after it.
    text = "\n".join([*changed(SAMPLE.split("\n"), rng), 'msgid "last"', 'msgstr "letzte"'])
    found = of_ours(text)
    assert found == of_polib(text), text
    broken += isinstance(found, str)
  assert 500 < broken < 2500


def glued(text):
  """The text without the spaces after the signs of its comments."""
  return re.sub(r"^(#[.:,|~]|#~\||#+) ", r"\1", text, flags=re.MULTILINE)


def test_a_comment_needs_no_space_after_its_sign():
  assert glued(SAMPLE).count("#.Default") == 1 and "# " not in glued(SAMPLE)
  assert of_ours(glued(SAMPLE)) == of_ours(SAMPLE) == of_polib(SAMPLE)


@pytest.mark.parametrize(
  "comment", ["#note", "#!", "#= fuzzy", "#~", "#|", '#|"x"', '#~|msgid "x"']
)
def test_comments_that_polib_does_not_read_lose_nothing(comment):
  text = f'#| msgid "x"\n{comment}\nmsgid "a"\nmsgstr "b"\n{comment}\n'
  if '"' in comment:  # What goes on must have begun.
    text = text.removesuffix(f"{comment}\n")
  assert [entry[1:4] for entry in of_ours(text)[0]] == [("a", "", "b")]


def test_an_entry_before_a_last_comment_is_kept():
  assert len(of_ours('msgid "a"\nmsgstr "b"\n#~| msgid "x"')[0]) == 1


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ('msgid "a"\n\nmsgid "b"', r"\(line 3\)$"),
    ('msgid "a"\nmsgstr "b"c"', r"\(line 2\): unescaped double quote found"),
    ('#| other "a"', r"\(line 1\)"),
  ],
)
def test_an_error_names_the_line(text, message):
  with pytest.raises(ValueError, match=f"Syntax error in po file {message}"):
    entries_and_header(text.split("\n"))
