"""The rule by which a near text is a hard negative, or is taken for a translation."""

import dataclasses

from labse_jax.base.errors import InputError

MARGIN = 0.05
CANDIDATES = 50


@dataclasses.dataclass(frozen=True)
class Rule:
  """Which texts are a pair's negatives: the k nearest to its source that are not too near.

  Looked at are the `candidates` nearest texts. One whose cosine comes within `margin` of that of
  the pair itself, or above it, may be a translation and is left out.
  """

  k: int
  margin: float = MARGIN
  candidates: int = CANDIDATES

  def __post_init__(self) -> None:
    if not 1 <= self.k <= self.candidates:
      raise InputError(
        f"Hard negatives: k = {self.k}, candidates = {self.candidates}; k is at "
        "least 1, and candidates at least k."
      )
    if not -2 <= self.margin <= 2:  # Nor NaN.
      raise InputError(f"Hard negatives: margin = {self.margin}; it is of cosines, -2 to 2.")
