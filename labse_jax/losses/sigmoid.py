"""A yes or no for each pair of sentences instead of a softmax (Zhai et al. 2023, SigLIP)."""

import jax
import jax.numpy as jnp

from labse_jax.losses.shared.pair_sums import count_negatives, elementwise_sums
from labse_jax.losses.shared.ranking import mean_over, of_pairs, similarity_of_pairs


def sigmoid(x_bD, y_bD, ids_b2, mask_b, *, scale, bias, spread):
  """-1/N sum_ij log sigmoid(z_ij (scale x_i . y_j + bias)), z 1 for pairs and -1 else.

  N is the number of pairs; both directions are in the one sum. At the start the paper has scale 10
  and bias -10, both learned. Other arguments and the result are those of `margin_softmax`.
  """
  of_b = of_pairs(ids_b2, mask_b)
  # A column for the bias: its gradient comes with that of the vectors.
  ones_b1 = jnp.ones_like(x_bD[:, :1])
  query = jnp.concatenate((scale * x_bD, bias * ones_b1), 1)
  key = jnp.concatenate((y_bD, ones_b1), 1)
  others_b = elementwise_sums(query, key, of_b, of_b, softplus, spread)
  positive_b = scale * similarity_of_pairs(x_bD, y_bD) + bias
  mean, count = mean_over(mask_b, spread.axis_name)
  metrics = {"pairs": count, "negatives": mean(count_negatives(of_b, of_b, spread))}
  return mean(others_b + jax.nn.softplus(-positive_b)), metrics


def softplus(logit, _):
  """-log sigmoid(-logit)."""
  return jax.nn.softplus(logit)
