"""Vectors of length 1, on the host; and vectors that can have no length."""

from collections.abc import Sequence

import numpy as np

from labse_jax.base.errors import InputError

SHORTEST = 1e-12  # A vector of zeros stays one.
SHOWN = 60  # Characters of a text that an error shows.


def unit(x_ND: np.ndarray) -> np.ndarray:
  """Vectors [..., D] divided by their L2 norms."""
  norm_N1 = np.linalg.norm(x_ND, axis=-1, keepdims=True)
  return x_ND / np.maximum(norm_N1, SHORTEST)


def check_finite(vectors_ND: np.ndarray, texts: Sequence[str]) -> None:
  """Raises InputError, with its text, where one of a model's N vectors is NaN or infinite."""
  finite_N = np.isfinite(vectors_ND).all(axis=1)
  if not finite_N.all():
    text = texts[int(np.argmin(finite_N))]
    raise InputError(
      f"The model's vector of {text[:SHOWN]!r} is not finite: its weights are damaged."
    )
