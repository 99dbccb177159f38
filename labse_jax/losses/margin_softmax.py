"""Additive margin softmax over the pairs of every device (Feng et al. 2022, eq. 4-5)."""

import jax
import jax.numpy as jnp


def margin_softmax(x_bD, y_bD, ids_b2, mask_b, *, scale, margin, axis_name):
  """Translation ranking in both directions with an additive margin (Yang et al. 2019, eq. 4-6).

  Runs inside `shard_map` (or any map that names `axis_name`); every device brings `b` pairs.
  x_bD and y_bD are unit vectors, `ids_b2` hashes of the source and the target text, `mask_b`
  is true where the slot holds a pair. A pair that has a text in common with the query's pair, on
  whichever side, is no negative. Returns (loss, metrics), equal on all devices: the mean over all
  real pairs of the sum of both directions.
  """
  gather = lambda a: jax.lax.all_gather(a, axis_name, tiled=True)
  ids_B2, mask_B = gather(ids_b2), gather(mask_b)
  b, B = x_bD.shape[0], mask_B.shape[0]
  own_bB = (b * jax.lax.axis_index(axis_name) + jnp.arange(b))[:, None] == jnp.arange(B)
  same_bB = (ids_b2[:, None, :, None] == ids_B2[None, :, None, :]).any((-2, -1))
  negative_bB = mask_B & ~same_bB & ~own_bB

  def one_way(query_bD, key_BD):
    s_bB = jnp.matmul(query_bD, key_BD.T, precision=jax.lax.Precision.HIGHEST)
    positive_b = (s_bB * own_bB).sum(1)
    logit_bB = jnp.where(negative_bB, scale * s_bB, -jnp.inf)
    logit_bB = jnp.where(own_bB, scale * (s_bB - margin), logit_bB)
    loss_b = jax.nn.logsumexp(logit_bB, axis=1) - scale * (positive_b - margin)
    first_b = positive_b >= jnp.where(negative_bB, s_bB, -jnp.inf).max(1)
    return loss_b, first_b

  forward_b, hit_forward_b = one_way(x_bD, gather(y_bD))
  backward_b, hit_backward_b = one_way(y_bD, gather(x_bD))

  # Packing gives devices different numbers of pairs: a pmean of means would weigh them wrongly.
  count = jnp.maximum(jax.lax.psum(mask_b.sum(), axis_name), 1)
  mean = lambda a_b: jax.lax.psum(jnp.where(mask_b, a_b, 0).sum(), axis_name) / count
  metrics = {
    "pairs": count,
    "negatives": mean(negative_bB.sum(1)),
    "in_batch_accuracy": (mean(hit_forward_b) + mean(hit_backward_b)) / 2,
  }
  return mean(forward_b + backward_b), metrics
