"""Reads the text of a .po file: the entries and errors of polib, in a fraction of its time."""

import re

_ESCAPED = re.compile(r'\\([\\ntrvbf"])')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "b": "\b", "f": "\f"}
_BARE_QUOTE = re.compile(r'(?:[^\\]|^)"')

# A line is of a kind: the comments have their sign, the others their keyword, and a comment
# "#| msgid" of what a message was before has both. Before the first line the kind is "".
_HEADER = "# of the file"
_COMMENTS = {"#:", "#,", "#."}
_EARLIER = {"#| msgctxt", "#| msgid", "#| msgid_plural"}
_KEYWORDS = {"msgctxt", "msgid", "msgid_plural", "msgstr"}
_TRANSLATIONS = {"msgstr", "msgstr["}
_BETWEEN = {"", _HEADER, "#", *_COMMENTS, *_EARLIER, *_TRANSLATIONS}  # A message may begin here.
# {kind: the kinds that it may follow}; a comment may follow anything.
_FOLLOWS = {
  "#": _BETWEEN | {"msgid", "msgid_plural"},
  "msgctxt": _BETWEEN,
  "msgid": _BETWEEN | {"msgctxt"},
  "msgid_plural": {"#", "#.", *_EARLIER, "msgid"},
  "msgstr": {"#", "msgid", "msgid_plural"},
  "msgstr[": {"#", "msgid", "msgid_plural", "msgstr["},
}
_CONTINUED = {*_KEYWORDS, "msgstr[", *_EARLIER}


class PoEntry:
  """A message as it stands in the file; `forms` has the translations of a plural by number."""

  __slots__ = (
    "context",
    "english",
    "plural",
    "translation",
    "forms",
    "comment",
    "fuzzy",
    "obsolete",
  )

  def __init__(self) -> None:
    self.context = ""
    self.english = ""
    self.plural = ""
    self.translation = ""
    self.forms: dict[int, str] = {}
    self.comment = ""
    self.fuzzy = False
    self.obsolete = False


def entries_and_header(text: str) -> tuple[list[PoEntry], dict[str, str]]:
  """Returns (the PoEntries of a file without its header, {field: value} of the header).

  Raises ValueError with the number of the line where the file is broken.
  """
  lines = _Lines()
  for number, line in enumerate(text.splitlines(), 1):
    line = line.strip()
    if not line:
      continue
    try:
      lines.take(line)
    except _BrokenError as error:
      reason = f": {error}" if str(error) else ""
      raise ValueError(f"Syntax error in po file (line {number}){reason}") from error
  entries = lines.finished()
  header = _header_entry(entries)
  if header is None:
    return entries, {}
  return [entry for entry in entries if entry is not header], _fields(header.translation)


class _BrokenError(Exception):
  """A line that cannot be read, or cannot stand where it does; its text is the reason, if any."""


class _Lines:
  """Takes the lines of a file one by one and makes entries of them."""

  def __init__(self) -> None:
    self.entries: list[PoEntry] = []
    self.entry = PoEntry()
    self.kind = ""  # Of the last line that is no continuation.
    self.form = 0
    self.ends_in_comment = True

  def take(self, line: str) -> None:
    """Takes a line that is not blank, without the white space around it."""
    # Most lines are of these two kinds, which need no look at their words.
    if line[0] == '"':
      self.ends_in_comment = False
      self._continue(line)
      return
    if line.startswith("#: "):
      self.ends_in_comment = True
      self._begin("#:")
      return
    words = line.split(None, 2)
    if words[0] == "#~|":  # What an obsolete message was before.
      self.ends_in_comment = True
      return
    obsolete = words[0] == "#~" and len(words) > 1
    if obsolete:
      line = line[3:].strip()
      words = words[1:]
    self.ends_in_comment = words[0][0] == "#"
    if words[0] in _KEYWORDS and len(words) > 1:
      self._take_keyword(words[0], line, obsolete)
    elif line[0] == "#":
      self._take_comment(words, line)
    elif line[0] == '"':
      self._continue(line)
    elif line.startswith("msgstr["):
      self._take_form(line)
    else:
      raise _BrokenError

  def finished(self) -> list[PoEntry]:
    """The entries, at the end of the file."""
    if not self.ends_in_comment:
      self.entries.append(self.entry)
    return self.entries

  def _take_keyword(self, keyword, line, obsolete):
    quoted = line[len(keyword) :].lstrip()
    text = _text(quoted)
    self._begin(keyword)
    if keyword == "msgid":
      self.entry.english = text
      self.entry.obsolete = obsolete
    elif keyword == "msgstr":
      self.entry.translation = text
    elif keyword == "msgid_plural":
      self.entry.plural = text
    else:
      self.entry.context = text

  def _take_form(self, line):
    self._begin("msgstr[")
    if not line[7:8].isdecimal():
      raise _BrokenError
    self.form = int(line[7])
    self.entry.forms[self.form] = _unescaped(line[line.find('"') + 1 : -1])

  def _take_comment(self, words, line):
    sign = words[0]
    if sign == "#" or sign.startswith("##"):
      at_top = self.kind in ("", _HEADER)
      self._begin(_HEADER if at_top else "#")
    elif sign in _COMMENTS:
      if len(words) > 1:
        self._begin(sign)
        self._note(sign, line[3:])
    elif sign == "#|":
      self._take_earlier(words, line)
    else:
      raise _BrokenError

  def _note(self, sign, text):
    if sign == "#.":
      self.entry.comment += f"\n{text}" if self.entry.comment else text
    elif sign == "#,":
      flags = [flag.strip() for flag in text.split(",")]
      self.entry.fuzzy = self.entry.fuzzy or "fuzzy" in flags

  def _take_earlier(self, words, line):
    if len(words) == 1:
      raise _BrokenError
    if words[1].startswith('"'):
      self._check_continued()
      self._add(_unescaped(line[2:].lstrip()[1:-1]))
      return
    if len(words) == 2:
      raise _BrokenError("invalid continuation line")
    kind = f"#| {words[1]}"
    if kind not in _EARLIER:
      raise _BrokenError(f"unknown keyword {words[1]}")
    self._begin(kind)

  def _begin(self, kind):
    """Enters a line of this kind, which may be the first of a new entry."""
    if kind in _FOLLOWS and self.kind not in _FOLLOWS[kind]:
      raise _BrokenError
    if self.kind in _TRANSLATIONS and kind not in _TRANSLATIONS:
      self.entries.append(self.entry)
      self.entry = PoEntry()
    self.kind = kind

  def _continue(self, line):
    text = _text(line)
    self._check_continued()
    self._add(text)

  def _check_continued(self):
    if self.kind not in _CONTINUED:
      raise _BrokenError

  def _add(self, text):
    """Adds to the text of the last line."""
    if self.kind == "msgstr":
      self.entry.translation += text
    elif self.kind == "msgid":
      self.entry.english += text
    elif self.kind == "msgstr[":
      self.entry.forms[self.form] += text
    elif self.kind == "msgid_plural":
      self.entry.plural += text
    elif self.kind == "msgctxt":
      self.entry.context += text


def _text(quoted):
  """The text between quotes; raises where a quote inside is not escaped."""
  inner = quoted[1:-1]
  if '"' in inner and _BARE_QUOTE.search(inner):
    raise _BrokenError("unescaped double quote found")
  return _unescaped(inner)


def _unescaped(text):
  if "\\" not in text:
    return text
  return _ESCAPED.sub(_unescape, text)


def _unescape(match):
  return _ESCAPES.get(match[1], match[1])  # A backslash or a quote stands for itself.


def _header_entry(entries):
  """The entry of the empty message: of several the last without a context, or else the first."""
  found = [entry for entry in entries if not entry.english and not entry.obsolete]
  plain = [entry for entry in found if not entry.context]
  if plain:
    return plain[-1]
  return found[0] if found else None


def _fields(text):
  """The fields of a header; a line without a colon continues the field before it."""
  fields = {}
  name = None
  for line in text.splitlines():
    if ":" in line:
      name, _, value = line.partition(":")
      fields[name] = value.strip()
    elif name is not None:
      fields[name] += f"\n{line.strip()}"
  return fields
