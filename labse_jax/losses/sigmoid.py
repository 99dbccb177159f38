"""A yes or no for each pair of sentences instead of a softmax (Zhai et al. 2023, SigLIP)."""

import jax
import jax.numpy as jnp

from labse_jax.losses.shared.exchange import Spread
from labse_jax.losses.shared.pair_sums import count_negatives, elementwise_sums
from labse_jax.losses.shared.ranking import (
  count_pairs,
  mean_over_pairs,
  of_pairs,
  similarity_of_pairs,
)


def sigmoid(
  x_bD: jax.Array,
  y_bD: jax.Array,
  ids_b2: jax.Array,
  mask_b: jax.Array,
  *,
  scale: float | jax.Array = 10.0,
  bias: float | jax.Array = -10.0,
  spread: Spread,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """-1/N sum_ij log sigmoid(z_ij (scale x_i . y_j + bias)), z 1 for pairs and -1 else.

  N is the number of pairs; both directions are in the one sum. The defaults are where the paper
  starts to learn both. Other arguments and the result are those of `margin_softmax`.
  """
  of_b = of_pairs(ids_b2, mask_b)
  # A column for the bias: its gradient comes with that of the vectors.
  ones_b1 = jnp.ones_like(x_bD[:, :1])
  query = jnp.concatenate((scale * x_bD, bias * ones_b1), 1)
  key = jnp.concatenate((y_bD, ones_b1), 1)
  others_b = elementwise_sums(query, key, of_b, of_b, softplus, spread)
  positive_b = scale * similarity_of_pairs(x_bD, y_bD) + bias
  negatives = mean_over_pairs(count_negatives(of_b, of_b, spread), mask_b, spread)
  loss = mean_over_pairs(others_b + jax.nn.softplus(-positive_b), mask_b, spread)
  return loss, {"pairs": count_pairs(mask_b, spread), "negatives": negatives}


def softplus(logit: jax.Array, _: None) -> jax.Array:
  """-log sigmoid(-logit)."""
  return jax.nn.softplus(logit)
