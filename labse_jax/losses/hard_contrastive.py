"""Contrastive learning with hard labels and a temperature (van den Oord et al. 2018, InfoNCE)."""

from labse_jax.losses.margin_softmax import margin_softmax

TEMPERATURE = 0.1  # Park et al. 2024, tau in their train.py.


def hard_contrastive(x_bD, y_bD, ids_b2, mask_b, *, temperature=TEMPERATURE, spread):
  """Cross entropy between softmax_j(x_i . y_j / temperature) and the identity, both directions.

  The "hard" labels of Park et al. 2024 (arXiv 2405.16155, eq. 2-7). Arguments and result are those
  of `margin_softmax`, of which it is the case without a margin.
  """
  return margin_softmax(
    x_bD, y_bD, ids_b2, mask_b, scale=1 / temperature, margin=0.0, spread=spread
  )
