"""What a search and a margin score may be asked for."""

from collections.abc import Callable
import typing

if typing.TYPE_CHECKING:
  import numpy as np

DTYPES = ("float32", "bfloat16", "int8")
MARGINS: dict[str, "Callable[[np.ndarray, np.ndarray], np.ndarray]"] = {
  "ratio": lambda cosine, mean: cosine / mean,
  "distance": lambda cosine, mean: cosine - mean,
  "absolute": lambda cosine, mean: cosine,
}
RETRIEVALS = ("max", "forward", "backward", "intersection", "union")
