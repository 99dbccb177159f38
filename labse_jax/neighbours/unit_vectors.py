"""Vectors of length 1, on the host."""

import numpy as np

SHORTEST = 1e-12  # A vector of zeros stays one.


def unit(x_ND: np.ndarray) -> np.ndarray:
  """Vectors [..., D] divided by their L2 norms."""
  norm_N1 = np.linalg.norm(x_ND, axis=-1, keepdims=True)
  return x_ND / np.maximum(norm_N1, SHORTEST)
