"""Distillation of a teacher's matrix of similarities (the "MMSE" of Park et al. 2024's code)."""

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


def similarity_distillation(
  x_bD: jax.Array,
  y_bD: jax.Array,
  ids_b2: jax.Array,
  mask_b: jax.Array,
  *,
  teacher_bP: jax.Array,
  spread: Spread,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Mean over pairs i and their candidates j of (x_i . y_j - t_i . t_j)^2.

  Candidates are the pair itself and its negatives on all devices; `teacher_bP` is as in
  `soft_contrastive`. Other arguments and the result are those of `margin_softmax`.
  """
  label_bP = jax.lax.stop_gradient(teacher_bP.astype(jnp.float32))
  of_b = of_pairs(ids_b2, mask_b)
  labelled_b = of_b | {"label": label_bP}
  others_b = elementwise_sums(x_bD, y_bD, labelled_b, labelled_b, squared, spread)
  number_b = 1 + count_negatives(of_b, of_b, spread)
  own_b = squared(similarity_of_pairs(x_bD, y_bD), (label_bP**2).sum(1))

  def mean(value_b):
    return mean_over_pairs(value_b, mask_b, spread)

  metrics = {"pairs": count_pairs(mask_b, spread), "negatives": mean(number_b - 1)}
  return mean(others_b + own_b) / jnp.maximum(mean(number_b), 1), metrics


def squared(similarity: jax.Array, label: jax.Array) -> jax.Array:
  """The squared difference of two similarities."""
  return (similarity - label) ** 2
