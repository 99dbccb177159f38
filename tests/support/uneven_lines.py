"""Sentences of all lengths, for the tests of the encoder."""

import numpy as np


def uneven_lines(real_lines):
  """72 lines of all lengths, one of them empty and two far longer than the tiny model takes."""
  rng = np.random.default_rng(0)
  joined = []
  for _ in range(70):
    words = rng.choice(real_lines, rng.integers(1, 12))
    joined.append(" ".join(words))
  return [*joined[:35], "", "y " * 99, *joined[36:], "x " * 200]
