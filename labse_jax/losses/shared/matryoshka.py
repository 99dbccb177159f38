"""Vectors whose first dimensions are vectors too (Kusupati et al. 2022, Matryoshka)."""

from collections.abc import Sequence

import jax

from labse_jax.base.errors import InputError
from labse_jax.losses.shared.contract import Loss
from labse_jax.models.heads import unit

VECTORS = ("x_bD", "y_bD", "negatives_bKD")


def matryoshka(loss: Loss, dims: Sequence[int], width: int) -> Loss:
  """`loss` summed over the vectors' first d dimensions, for each d of `dims`, weights 1.

  The first d dimensions are made unit vectors again; metrics are those of the first of `dims`, and
  each d's loss. Raises InputError where a d is not within 1 to `width`, or comes twice.
  """
  whole = isinstance(dims, tuple | list) and all(isinstance(d, int) for d in dims)
  if not whole or not all(1 <= d <= width for d in dims) or len({*dims}) < len(dims):
    raise InputError(
      f"config.matryoshka = {dims}: a tuple of integers from 1 to {width}, each once."
    )

  def total(**arguments):
    values: dict[str, jax.Array] = {}
    metrics: dict[str, jax.Array] = {}
    for d in dims:
      cut = {}
      for name in VECTORS:
        if name in arguments:
          cut[name] = unit(arguments[name][..., :d])
      value, of_d = loss(**arguments | cut)
      values[f"loss_{d}"] = value
      metrics = metrics or of_d
    return sum(values.values()), metrics | values

  return total
