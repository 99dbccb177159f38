"""Translation ranking against mined hard negatives as well (Yang et al. 2020, m-USE)."""

import jax
import jax.numpy as jnp

from labse_jax.losses.shared.exchange import Spread
from labse_jax.losses.shared.pair_sums import softmax_sums
from labse_jax.losses.shared.ranking import mean_over_pairs, of_pairs, rank


# The defaults are what Park et al. 2024 compare with: their temperature of 0.1, and no margin.
def hard_negative_ranking(
  x_bD: jax.Array,
  y_bD: jax.Array,
  ids_b2: jax.Array,
  mask_b: jax.Array,
  *,
  negatives_bKD: jax.Array,
  negative_ids_bK: jax.Array,
  negative_mask_bK: jax.Array,
  scale: float | jax.Array = 10.0,
  margin: float = 0.0,
  spread: Spread,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """`margin_softmax` whose sources are also ranked against K negatives that each pair brings.

  Sources choose among the targets and the hard negatives of all pairs of all devices; targets
  among the sources. `negative_ids_bK` are hashes of the negatives' texts: one that is the query's
  own source or target is none. Without negatives (K = 0) the loss is `margin_softmax`. Other
  arguments and the result are those of that.
  """
  positive_b, rows, columns, metrics = rank(
    x_bD, y_bD, ids_b2, mask_b, scale=scale, margin=margin, spread=spread
  )
  b, K, D = negatives_bKD.shape
  forward_b = rows["lse"]
  # The source's other candidates: one more sum, joined with that over the targets.
  if K:
    of_negatives = {
      "ids": negative_ids_bK.reshape(b * K, 1),
      "mask": (negative_mask_bK & mask_b[:, None]).reshape(b * K),
    }
    hard, _ = softmax_sums(
      scale * x_bD, negatives_bKD.reshape(b * K, D), of_pairs(ids_b2, mask_b), of_negatives, spread
    )
    forward_b = jnp.logaddexp(forward_b, hard["lse"])
    metrics |= {"hard_negatives": mean_over_pairs(hard["count"], mask_b, spread)}

  def one_way(lse_b):
    return mean_over_pairs(jax.nn.softplus(lse_b - positive_b), mask_b, spread)

  return one_way(forward_b) + one_way(columns["lse"]), metrics
