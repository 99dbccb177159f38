"""Soft labels across languages and within each: training both spaces (Park et al. 2024, TCM)."""

import jax

from labse_jax.losses.hard_contrastive import TEMPERATURE
from labse_jax.losses.shared.exchange import Spread
from labse_jax.losses.soft_contrastive import cross_entropy, teacher_labels


def tcm(
  x_bD: jax.Array,
  y_bD: jax.Array,
  ids_b2: jax.Array,
  mask_b: jax.Array,
  *,
  teacher_bP: jax.Array,
  temperature: float | jax.Array = TEMPERATURE,
  teacher_temperature: float = TEMPERATURE,
  cross: float = 1 / 3,
  spread: Spread,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """cross * L(x, y) + (1 - cross) * (L(x, x) + L(y, y)) / 2, L being `soft_contrastive`.

  The published code adds the three with equal weights: cross = 1/3, up to the factor 3. The metrics
  are those of L(x, y).
  """
  labels = teacher_labels(ids_b2, mask_b, teacher_bP, teacher_temperature, spread)

  def of(a_bD, c_bD):
    return cross_entropy(a_bD, c_bD, ids_b2, mask_b, labels, temperature, spread)

  loss, metrics = of(x_bD, y_bD)
  within = (of(x_bD, x_bD)[0] + of(y_bD, y_bD)[0]) / 2
  return cross * loss + (1 - cross) * within, metrics | {"loss_across": loss, "loss_within": within}
