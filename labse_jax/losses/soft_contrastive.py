"""Contrastive learning with the labels of a teacher (Park et al. 2024, arXiv 2405.16155)."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from labse_jax.losses.hard_contrastive import TEMPERATURE
from labse_jax.losses.shared.exchange import Spread
from labse_jax.losses.shared.pair_sums import softmax_sums
from labse_jax.losses.shared.ranking import mean_over_pairs, of_pairs, rank


def soft_contrastive(
  x_bD: jax.Array,
  y_bD: jax.Array,
  ids_b2: jax.Array,
  mask_b: jax.Array,
  *,
  teacher_bP: jax.Array,
  temperature: float | jax.Array = TEMPERATURE,
  teacher_temperature: float = TEMPERATURE,
  spread: Spread,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Cross entropy between softmax_j(x_i . y_j / temperature) and the teacher's, both directions.

  Label w_ij is softmax_j(t_i . t_j / teacher_temperature) (eq. 2-7). With t_i the teacher's unit
  vector of the pair's anchor the labels are Priority; with both of its sides' vectors side by side,
  each divided by the root of 2, the product is the mean of the similarities of either language,
  and the labels are Average. A pair that has a text in common with pair i is neither a candidate
  nor a label of it. Other arguments and the result are those of `margin_softmax`.
  """
  labels = teacher_labels(ids_b2, mask_b, teacher_bP, teacher_temperature, spread)
  return cross_entropy(x_bD, y_bD, ids_b2, mask_b, labels, temperature, spread)


def teacher_labels(
  ids_b2: jax.Array, mask_b: jax.Array, teacher_bP: jax.Array, temperature: float, spread: Spread
) -> dict[str, jax.Array]:
  """What `pair_sums` needs for soft labels, and each pair's own label: `label`, `label_lse`, `own`.

  The vectors are divided so that their products are the logits of the labels.
  """
  label_bP = jax.lax.stop_gradient(teacher_bP.astype(jnp.float32)) / jnp.sqrt(temperature)
  of_b = of_pairs(ids_b2, mask_b)
  # The teacher's similarities are symmetric: the rows are the columns.
  rows, _ = softmax_sums(label_bP, label_bP, of_b, of_b, spread)
  own_b = (label_bP**2).sum(1)
  lse_b = jnp.logaddexp(rows["lse"], own_b)
  return {"label": label_bP, "label_lse": lse_b, "own": jnp.exp(own_b - lse_b)}


def cross_entropy(
  x_bD: jax.Array,
  y_bD: jax.Array,
  ids_b2: jax.Array,
  mask_b: jax.Array,
  labels: Mapping[str, jax.Array],
  temperature: float | jax.Array,
  spread: Spread,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """The loss of two sets of vectors of the same pairs, and its metrics, as `soft_contrastive`."""
  streamed = {name: labels[name] for name in ("label", "label_lse")}
  positive_b, rows, columns, metrics = rank(
    x_bD, y_bD, ids_b2, mask_b, scale=1 / temperature, margin=0.0, spread=spread, labels=streamed
  )

  def soft_b(sums):
    return sums["soft"] + labels["own"] * positive_b

  def one_way(sums):
    return mean_over_pairs(jnp.logaddexp(sums["lse"], positive_b) - soft_b(sums), mask_b, spread)

  return one_way(rows) + one_way(columns), metrics
