"""What a text shows, so that an empty text is empty for every reader.

White space, control characters and Unicode's default ignorable code points show nothing: zero-width
spaces, byte-order marks, direction marks, soft hyphens, Hangul fillers and their kind.
"""

import re

# Ranges of a regular expression's class. Those of the middle lines are Unicode's property
# Default_Ignorable_Code_Point (DerivedCoreProperties.txt), which Python does not know.
INVISIBLE = (
  "\x00-\x1f\x7f-\x9f"
  "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
  "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
  "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
  "\u2800\ufff9-\ufffb"  # The blank of Braille, and marks of annotations.
)
_SHOWN = re.compile(rf"[^\s{INVISIBLE}]")
_WHITE_SPACE = "".join(filter(str.isspace, map(chr, range(0x3001))))
_CONTROLS = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
# What no text needs at its beginning or end. Other invisible characters change one beside them that
# is seen (joiners, variation selectors, the tags of flags) or come in pairs (embeddings).
_AT_ENDS = (
  _WHITE_SPACE
  + _CONTROLS
  + "\xad\u061c\u200b\u200e\u200f\u2060\u2061\u2062\u2063\u2064\u2800\u3164\ufeff\uffa0"
)


def is_blank(text: str) -> bool:
  """Whether a text has no character that shows anything."""
  return not _SHOWN.search(text)


def stripped(text: str) -> str:
  """A text without white space and invisible characters at its ends; "" for a blank one."""
  return "" if is_blank(text) else text.strip(_AT_ENDS)


def folded(text: str) -> str:
  """The same, with single spaces inside, also for tabs and line ends."""
  return stripped(" ".join(text.split()))
