"""Text that tokenizers stumble on."""

import numpy as np

# Spaces and what looks like one; marks that join the letter before; letters, for them to join.
ODD = " \t\n\r\x1c\x85\xa0\u200b\u200d\u2028\u2581\u3000\ufeff\ufffd\u0301\u0c3c\u0c4dabhms:"


def fuzzed(count, seed=0):
  """Strings over all of Unicode's blocks, and over the characters that tokenizers stumble on."""
  rng = np.random.default_rng(seed)
  odd = [ord(character) for character in ODD]
  for n in range(count):
    size = rng.integers(0, 40)
    if n % 3 == 0:
      codes = rng.choice(odd, size)
    else:
      # Every third string is of a common block, and every third of any block.
      block = rng.integers(0, 0x300 if n % 3 == 1 else 0x1100)
      codes = 256 * block + rng.integers(0, 256, size)
    yield "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)  # No surrogates.
