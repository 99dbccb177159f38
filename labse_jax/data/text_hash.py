"""Texts as 64-bit numbers, which fit into memory where the texts themselves do not."""

import functools
import hashlib
import re
import unicodedata


def text_hash(text: str) -> int:
  """The first 64 bits of a text's BLAKE2b; the same on every machine."""
  return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def comparison_key(text: str) -> str:
  """A text after NFKC and case-folding, without punctuation and space."""
  if text.isascii():  # Such a text is in NFKC; half of all are of this kind, and this is faster.
    text = text.lower()
    key = text.translate(_ascii_punctuation())
  else:
    text = unicodedata.normalize("NFKC", text).casefold()
    key = _punctuation().sub("", text)
  # A text of nothing but punctuation stays, or all such texts would be equal.
  return key or text


@functools.cache
def _ascii_punctuation():
  """A table for str.translate that drops the ASCII characters which `_punctuation` matches."""
  return {number: None for number in range(128) if _punctuation().match(chr(number))}


@functools.cache
def _punctuation():
  """Matches runs of punctuation, separators and control characters."""
  dropped = ""
  for character in map(chr, range(0x20000)):
    category = unicodedata.category(character)
    # No text has surrogates; what has no name yet, or a private one, may be a letter.
    if category[0] in "PZC" and category not in ("Cs", "Cn", "Co"):
      dropped += character
  return re.compile(f"[{re.escape(dropped)}]+")
