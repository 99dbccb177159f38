"""Makes a program's message a sentence, without markup, accelerators and names of placeholders."""

import re

# Every placeholder becomes the same two characters: its name is equal on both sides of a
# translation, and a model could match by it instead of by the meaning.
PLACEHOLDER = "{}"
_PLACEHOLDERS = re.compile(
  r"\$?\{\{.*?\}\}"  # {{ count }}
  r"|\{%.*?%\}"  # {% url 'x' %}
  r"|[$%#]\{[^{}]*\}"  # ${name} %{name} #{name}
  r"|(?<!\w)\$[A-Za-z_]\w*"  # $name
  r"|\{[\w.\[\]]*(?:![rsa])?(?::[^{}]*)?\}"  # {name!r:>10} {0} {}
  r"|%\([^()]*\)[#0\-+]?\d*(?:\.\d+)?[a-zA-Z]"  # %(name)s
  r"|(?<!\d)%(?:\d+\$)?[#0\-+]?\d*(?:\.\d+)?(?:ll?)?[sdifguxXcr](?![a-z])"  # %s %1$d %.2f
  r"|(?<![\w%])%\d{1,2}(?![\w%])"  # %1
)
_TAGS = (
  "a|abbr|b|big|blockquote|br|button|center|code|dd|div|dl|dt|em|font|form|h[1-6]|hr|i|img|input|kbd"
  "|li|nobr|ol|p|pre|s|samp|script|small|span|strike|strong|sub|sup|svg|table|tbody|td|th|thead|tr"
  "|tt|u|ul|var"
)
_BLOCKS = re.compile(
  r"</?(?:br|p|div|li|ul|ol|h[1-6]|hr|td|tr|dd|dt|pre|blockquote)\b[^<>]*>", re.I
)
_INLINE = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*|/)?>", re.I)
_ENTITIES = re.compile(r"&(nbsp|amp|lt|gt|quot|apos|hellip|mdash|ndash|rarr|laquo|raquo|#\d+);")
_ENTITY_TEXT = {
  "nbsp": " ",
  "amp": "&",
  "lt": "<",
  "gt": ">",
  "quot": '"',
  "apos": "'",
  "hellip": "…",
  "mdash": "—",
  "ndash": "–",
  "rarr": "→",
  "laquo": "«",
  "raquo": "»",
}
_CJK_ACCELERATOR = re.compile(r"\s*[(（][_&][A-Za-z0-9][)）]")
_LEADING_ACCELERATOR = re.compile(r"(?<![\w&])[_&](?=[^\W\d_])")
_INNER_ACCELERATOR = re.compile(r"(?<=[^\W\d_])[_&](?=[^\W\d_])")
_TITLE_OF_PAGE = re.compile(r"[a-z]_[A-Z]")  # Merge_Sources, not E_xit.


def clean_pair(source: str, target: str) -> tuple[str, str]:
  """Cleans both sides alike; accelerators go only where the English side has them."""
  source = _without_markup(source)
  target = _without_markup(target)
  for mark in "_&":
    if source.count(mark) == 1 and _accelerator_at(source, mark):
      source = _without_accelerator(source)
      target = _without_accelerator(target)
  return " ".join(source.split()), " ".join(target.split())


def has_words(text: str) -> bool:
  """Whether more than placeholders, digits and punctuation is left of a text."""
  return any(map(str.isalpha, text))


def _without_markup(text):
  # Most texts have none of the signs; to look for a sign is faster than to search for a pattern.
  if "{" in text or "%" in text or "$" in text:
    text = _PLACEHOLDERS.sub(PLACEHOLDER, text)
  if "<" in text:
    text = _INLINE.sub("", _BLOCKS.sub(" ", text))
  if "&" in text:
    text = _ENTITIES.sub(_entity, text)
  return text.replace("%%", "%")


def _entity(match):
  name = match[1]
  if name in _ENTITY_TEXT:
    return _ENTITY_TEXT[name]
  number = int(name[1:])
  if 31 < number < 0xD800:  # Neither a control character nor a surrogate.
    return chr(number)
  return " "


def _accelerator_at(source, mark):
  # "R&D" and "snake_case" are words; "E_xit" is a menu entry, and those are short.
  if _LEADING_ACCELERATOR.search(source):
    return True
  if mark == "&" or len(source) > 60 or _TITLE_OF_PAGE.search(source):
    return False
  return bool(_INNER_ACCELERATOR.search(source))


def _without_accelerator(text):
  text = _CJK_ACCELERATOR.sub("", text)
  if text.count("_") + text.count("&") != 1:
    return text
  return _INNER_ACCELERATOR.sub("", _LEADING_ACCELERATOR.sub("", text))
