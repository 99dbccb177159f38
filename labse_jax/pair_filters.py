"""What a pair of texts must not be to be mined."""

import numpy as np

from labse_jax.data.prepare import row_filters
from labse_jax.data.sources import Pair

UNLIMITED = float("inf")


def allowed_pairs(sources, targets, *, min_characters, max_ratio):
  """allowed(row_x_P, row_y_P) -> bool_P: whether no filter of `prepare` drops the pair.

  Those are equal texts, pairs whose longer side is under `min_characters`, and pairs with one side
  over `max_ratio` times longer, with ten characters of grace.
  """
  filters = row_filters(
      min_characters=min_characters, max_characters=UNLIMITED, max_ratio=max_ratio)  # fmt: skip
  dropped = lambda pair: any(drops(pair) for _, drops in filters)

  def allowed(row_x_P, row_y_P):
    rows = zip(row_x_P.tolist(), row_y_P.tolist(), strict=True)
    return np.array([not dropped(Pair("", "", "", sources[x], targets[y])) for x, y in rows], bool)

  return allowed
