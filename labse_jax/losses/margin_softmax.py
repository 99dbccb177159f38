"""Additive margin softmax over the pairs of every device (Feng et al. 2022, eq. 4-5)."""

import jax

from labse_jax.losses.shared.ranking import mean_over, rank


def margin_softmax(x_bD, y_bD, ids_b2, mask_b, *, scale, margin, spread):
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
  mean, _ = mean_over(mask_b, spread.axis_name)

  # log(e^p + sum e^n) - p = softplus(lse(n) - p).
  def one_way(sums):
    return mean(jax.nn.softplus(sums["lse"] - positive_b))

  return one_way(rows) + one_way(columns), metrics
