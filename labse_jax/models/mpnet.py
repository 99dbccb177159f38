"""What MPNet (Song et al. 2020) adds to BERT: a bias that depends on the tokens' distance."""

import math

from flax import linen as nn
import jax
import jax.numpy as jnp

FARTHEST = 128  # Distances from here on share the last bucket.


def buckets_of(distance: jax.Array, buckets: int) -> jax.Array:
  """Numbers from 0 to `buckets` - 1 of the signed distances key - query, int32.

  Half of them for each direction; of these, half hold one distance each and the others ever wider
  ranges of it (Raffel et al. 2020, sec. 2.1, T5's relative position embeddings).
  """
  half = buckets // 2
  exact = half // 2
  far = jnp.abs(distance)
  growth = jnp.log(jnp.maximum(far, 1) / exact) / math.log(FARTHEST / exact)
  wide = jnp.minimum(exact + (growth * (half - exact)).astype(jnp.int32), half - 1)
  return jnp.where(distance > 0, half, 0) + jnp.where(far < exact, far, wide)


class RelativeBias(nn.Module):
  """L -> bias_HLL [head, query, key], one table for all layers.

  A sentence's tokens lie side by side in their row: their distance there is that in the sentence.
  """

  buckets: int
  heads: int
  initializer: nn.initializers.Initializer

  @nn.compact
  def __call__(self, L: int) -> jax.Array:
    bias_RH = self.param("bias", self.initializer, (self.buckets, self.heads))
    places_L = jnp.arange(L)
    bucket_LL = buckets_of(places_L[None, :] - places_L[:, None], self.buckets)
    return jnp.moveaxis(bias_RH[bucket_LL], -1, 0)
