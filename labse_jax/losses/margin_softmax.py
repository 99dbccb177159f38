"""Additive margin softmax over the pairs of every device (Feng et al. 2022, eq. 4-5)."""

import jax

from labse_jax.losses.shared.exchange import Spread
from labse_jax.losses.shared.ranking import mean_over_pairs, rank


# The defaults are those of the official TensorFlow code (tensorflow/models, labse_base.yaml:
# logit_scale, logit_margin).
def margin_softmax(
  x_bD: jax.Array,
  y_bD: jax.Array,
  ids_b2: jax.Array,
  mask_b: jax.Array,
  *,
  scale: float | jax.Array = 100.0,
  margin: float = 0.3,
  spread: Spread,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Translation ranking in both directions with an additive margin (Yang et al. 2019, eq. 4-6).

  Runs inside `shard_map` (or any map that names the axes of `spread`); every device brings `b`
  pairs. x_bD and y_bD are unit vectors, `ids_b2` hashes of the source and the target text, `mask_b`
  is true where the slot holds a pair. A pair that has a text in common with the query's pair, on
  whichever side, is no negative. Returns (loss, metrics), equal on all devices: the mean over all
  real pairs of the sum of both directions.
  """
  positive_b, rows, columns, metrics = rank(
    x_bD, y_bD, ids_b2, mask_b, scale=scale, margin=margin, spread=spread
  )

  # log(e^p + sum e^n) - p = softplus(lse(n) - p).
  def one_way(sums):
    return mean_over_pairs(jax.nn.softplus(sums["lse"] - positive_b), mask_b, spread)

  return one_way(rows) + one_way(columns), metrics
