"""What the losses over pairs share: means over the real pairs of all devices, and their metrics.

`mean_over_pairs` and `similarity_to_all` are all that many a loss of your own needs:
docs/a_loss_of_your_own.md.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from labse_jax.losses.shared.exchange import Spread
from labse_jax.losses.shared.pair_sums import Arrays, all_pairs, softmax_sums


def of_pairs(ids_b2: jax.Array, mask_b: jax.Array) -> Arrays:
  """What `pair_sums` wants to know of each side of the pairs."""
  return {"ids": ids_b2, "mask": mask_b}


def count_pairs(mask_b: jax.Array, spread: Spread) -> jax.Array:
  """The number of real pairs of all devices, at least 1."""
  return jnp.maximum(jax.lax.psum(mask_b.sum(), spread.axis_name), 1)


def mean_over_pairs(value_b: jax.Array, mask_b: jax.Array, spread: Spread) -> jax.Array:
  """The mean of a number of each pair, over the real pairs of all devices: equal on all of them.

  What stands in the slots that hold no pair does not count, not even where it is NaN. (Packing
  gives devices different numbers of pairs: a mean of their means would weigh them wrongly.)
  """
  total = jax.lax.psum(jnp.where(mask_b, value_b, 0).sum(), spread.axis_name)
  return total / count_pairs(mask_b, spread)


def similarity_of_pairs(x_bD: jax.Array, y_bD: jax.Array) -> jax.Array:
  """The cosine of each pair of unit vectors, [b], float32."""
  return (x_bD.astype(jnp.float32) * y_bD.astype(jnp.float32)).sum(1)


def similarity_to_all(
  x_bD: jax.Array, y_bD: jax.Array, ids_b2: jax.Array, mask_b: jax.Array, spread: Spread
) -> tuple[jax.Array, jax.Array]:
  """(cosine of each of this device's x with every device's y, whether the two are negatives).

  Both are [b, B]. A pair's own y is no negative of it, nor is one of a pair that has a text in
  common with it, nor an empty slot. All [b, B] stand in memory at once; `pair_sums` has the sums
  that do without, for batches of many thousand pairs.
  """
  of_b = of_pairs(ids_b2, mask_b)
  return all_pairs(x_bD, y_bD, of_b, of_b, spread)


def rank(
  x_bD: jax.Array,
  y_bD: jax.Array,
  ids_b2: jax.Array,
  mask_b: jax.Array,
  *,
  scale: float | jax.Array,
  margin: float,
  spread: Spread,
  labels: Mapping[str, jax.Array] | None = None,
) -> tuple[jax.Array, Arrays, Arrays, Arrays]:
  """(logit of each pair, `softmax_sums` of rows, of columns, metrics).

  The logit of a pair is scale * (cosine - margin). `in_batch_accuracy` is the share of the pairs
  that no negative is nearer than, without the margin; the mean of both directions.
  """
  of_b = of_pairs(ids_b2, mask_b) | dict(labels or {})
  rows, columns = softmax_sums(scale * x_bD, y_bD, of_b, of_b, spread)
  cosine_b = similarity_of_pairs(x_bD, y_bD)

  def mean(value_b):
    return mean_over_pairs(value_b, mask_b, spread)

  # The pair's logit is summed in another order than the others, or of factors that are not rounded:
  # by 2^-9 of each in bfloat16.
  rounding = 1e-6 if spread.dtype == "float32" else 2.0**-8

  def first(sums):
    return mean(scale * cosine_b >= sums["best"] - rounding * scale)

  accuracy = (first(rows) + first(columns)) / 2
  pairs = count_pairs(mask_b, spread)
  metrics = {"pairs": pairs, "negatives": mean(rows["count"]), "in_batch_accuracy": accuracy}
  return scale * (cosine_b - margin), rows, columns, metrics
