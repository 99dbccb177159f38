"""Text that tokenizers stumble on."""

import numpy as np


def fuzzed(count, seed=0):
  """Strings over all of Unicode's blocks, and over the characters that tokenizers stumble on."""
  rng = np.random.default_rng(seed)
  odd = [
    0x20,
    0x09,
    0x0A,
    0x0D,
    0x1C,
    0x85,
    0xA0,
    0x200B,
    0x200D,
    0x2028,
    0x2581,
    0x3000,
    0xFEFF,
    0xFFFD,
    0x301,
    0xC3C,
    0xC4D,
    0x61,
    0x62,
    0x68,
    0x6D,
    0x73,
    0x3A,
  ]
  for n in range(count):
    size = rng.integers(0, 40)
    if n % 3 == 0:
      codes = rng.choice(odd, size)
    else:
      codes = 256 * rng.integers(0, 0x300 if n % 3 == 1 else 0x1100) + rng.integers(0, 256, size)
    yield "".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000)
