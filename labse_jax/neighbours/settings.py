"""What a search and a margin score may be asked for."""

from collections.abc import Callable

import numpy as np

DTYPES = ("float32", "bfloat16", "int8")
RETRIEVALS = ("max", "forward", "backward", "intersection", "union")
FLOOR = 0.1  # The lowest mean cosine by which a cosine is divided.


def ratio(cosine: np.ndarray, mean: np.ndarray) -> np.ndarray:
  """The cosine over the mean of the neighbours' cosines (Artetxe and Schwenk 2019, sec. 3.1).

  A quotient by a mean near zero is huge, and one by a negative mean turns the order round. So below
  FLOOR the difference takes its place: d = 1 + (cosine - mean) / FLOOR, which at FLOOR equals the
  quotient. Only a negative cosine scores below zero: its d becomes -1 / (1 + d), or d - 1 if d is
  not positive, which keeps the order.
  """
  quotient = cosine / np.maximum(mean, FLOOR)
  difference = 1 + (cosine - mean) / FLOOR
  negative = np.where(difference > 0, -1 / (1 + np.maximum(difference, 0)), difference - 1)
  below_floor = np.where(cosine < 0, negative, difference)
  return np.where(mean >= FLOOR, quotient, below_floor)


def _distance(cosine: np.ndarray, mean: np.ndarray) -> np.ndarray:
  return cosine - mean


def _absolute(cosine: np.ndarray, mean: np.ndarray) -> np.ndarray:
  return cosine


MARGINS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
  "ratio": ratio,
  "distance": _distance,
  "absolute": _absolute,
}
