"""Texts as 64-bit numbers, which fit into memory where the texts themselves do not."""

import functools
import hashlib
import re
import unicodedata


def text_hash(text):
  """The first 64 bits of a text's BLAKE2b; the same on every machine."""
  return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def comparison_key(text):
  """A text after NFKC and case-folding, without punctuation and space."""
  text = unicodedata.normalize("NFKC", text).casefold()
  # A text of nothing but punctuation stays, or all such texts would be equal.
  return _punctuation().sub("", text) or text


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
