"""How often each language is drawn."""

import numpy as np


def smoothed(counts, exponent):
  """Probabilities p proportional to n^exponent (Feng et al. 2022, sec. 3.1: 0.3)."""
  weights = np.asarray(counts, np.float64) ** exponent
  return weights / weights.sum()
