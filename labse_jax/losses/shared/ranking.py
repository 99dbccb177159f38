"""What the losses over pairs share: means over the real pairs of all devices, and their metrics."""

import jax
import jax.numpy as jnp

from labse_jax.losses.shared.pair_sums import softmax_sums


def of_pairs(ids_b2, mask_b):
  """What `pair_sums` wants to know of each side of the pairs."""
  return {"ids": ids_b2, "mask": mask_b}


def mean_over(mask_b, axis_name):
  """(mean over the real pairs of all devices as a function of a_b, their number, at least 1).

  Packing gives devices different numbers of pairs: a pmean of means would weigh them wrongly.
  """
  count = jnp.maximum(jax.lax.psum(mask_b.sum(), axis_name), 1)

  def mean(a_b):
    return jax.lax.psum(jnp.where(mask_b, a_b, 0).sum(), axis_name) / count

  return mean, count


def similarity_of_pairs(x_bD, y_bD):
  """The cosine of each pair of unit vectors, [b], float32."""
  return (x_bD.astype(jnp.float32) * y_bD.astype(jnp.float32)).sum(1)


def rank(x_bD, y_bD, ids_b2, mask_b, *, scale, margin, spread, labels=()):
  """(logit of each pair, `softmax_sums` of rows, of columns, metrics).

  The logit of a pair is scale * (cosine - margin). `in_batch_accuracy` is the share of the pairs
  that no negative is nearer than, without the margin; the mean of both directions.
  """
  of_b = of_pairs(ids_b2, mask_b) | dict(labels)
  rows, columns = softmax_sums(scale * x_bD, y_bD, of_b, of_b, spread)
  cosine_b = similarity_of_pairs(x_bD, y_bD)
  mean, count = mean_over(mask_b, spread.axis_name)

  # The pair's logit is summed in another order than the others: equal up to rounding.
  def first(sums):
    return mean(scale * cosine_b >= sums["best"] - 1e-6 * scale)

  accuracy = (first(rows) + first(columns)) / 2
  metrics = {"pairs": count, "negatives": mean(rows["count"]), "in_batch_accuracy": accuracy}
  return scale * (cosine_b - margin), rows, columns, metrics
