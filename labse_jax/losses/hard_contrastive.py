"""Contrastive learning with hard labels and a temperature (van den Oord et al. 2018, InfoNCE)."""

import jax

from labse_jax.losses.margin_softmax import margin_softmax
from labse_jax.losses.shared.exchange import Spread

TEMPERATURE = 0.1  # Park et al. 2024, tau in their train.py.


def hard_contrastive(
  x_bD: jax.Array,
  y_bD: jax.Array,
  ids_b2: jax.Array,
  mask_b: jax.Array,
  *,
  temperature: float | jax.Array = TEMPERATURE,
  spread: Spread,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Cross entropy between softmax_j(x_i . y_j / temperature) and the identity, both directions.

  The "hard" labels of Park et al. 2024 (arXiv 2405.16155, eq. 2-7). Arguments and result are those
  of `margin_softmax`, of which it is the case without a margin.
  """
  return margin_softmax(
    x_bD, y_bD, ids_b2, mask_b, scale=1 / temperature, margin=0.0, spread=spread
  )
