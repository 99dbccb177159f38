"""Distillation of a teacher's vectors into every language (Reimers and Gurevych 2020)."""

import jax
import jax.numpy as jnp

from labse_jax.losses.shared.exchange import Spread
from labse_jax.losses.shared.ranking import count_pairs, mean_over_pairs


def mse_distillation(
  x_bD: jax.Array,
  y_bD: jax.Array,
  ids_b2: jax.Array,
  mask_b: jax.Array,
  *,
  teacher_bP: jax.Array,
  spread: Spread,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Mean over pairs of |x - t|^2 + |y - t|^2, t the teacher's vector of the pair's anchor.

  P is D. The paper divides by D as well, a constant that the learning rate takes up. Here all
  vectors are unit ones, and the terms are 2 - 2 cosine. Nothing is compared with other pairs:
  `ids_b2` plays no part. Other arguments and the result are those of `margin_softmax`.
  """
  target_bD = jax.lax.stop_gradient(teacher_bP.astype(jnp.float32))

  def distance(z_bD):
    distance_b = ((z_bD.astype(jnp.float32) - target_bD) ** 2).sum(1)
    return mean_over_pairs(distance_b, mask_b, spread)

  return distance(x_bD) + distance(y_bD), {"pairs": count_pairs(mask_b, spread)}
