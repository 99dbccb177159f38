"""BERT's encoder in float64, written as its paper has it: what every faster way is compared with.

Call it inside `jax.enable_x64(True)`.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

Params = Mapping[str, Any]


def encode(
  params: Params,
  tokens_BL: jax.Array,
  segments_BL: jax.Array,
  positions_BL: jax.Array,
  *,
  heads: int,
  epsilon: float = 1e-12,
) -> jax.Array:
  """The vectors [B, L, D] of packed rows, by the parameters of a `bert.Bert` with token types."""
  x_BLD = params["word_embedding"][tokens_BL] + params["position_embedding"][positions_BL]
  x_BLD = norm(x_BLD + params["type_embedding"][0], params["embedding_norm"], epsilon)
  mask_BLL = segments_BL[:, :, None] == segments_BL[:, None, :]
  depth = len(params["blocks"]["up"]["bias"])
  for n in range(depth):
    block = jax.tree.map(lambda leaf: leaf[n], params["blocks"])  # noqa: B023
    a_BLD = attention(x_BLD, mask_BLL, block, heads)
    x_BLD = norm(x_BLD + a_BLD, block["attention_norm"], epsilon)
    h_BLF = jax.nn.gelu(dense(x_BLD, block["up"]), approximate=False)
    x_BLD = norm(x_BLD + dense(h_BLF, block["down"]), block["mlp_norm"], epsilon)
  return x_BLD


def attention(x_BLD: jax.Array, mask_BLL: jax.Array, block: Params, heads: int) -> jax.Array:
  """Self-attention inside each segment, with its output layer."""
  D = x_BLD.shape[-1]
  weights = block["query_key_value"]
  q, k, v = (
    jnp.einsum("bld,dhk->bhlk", x_BLD, weights["kernel"][:, n]) + weights["bias"][n][:, None]
    for n in range(3)
  )
  s_BHLL = jnp.einsum("bhlk,bhmk->bhlm", q, k) / jnp.sqrt(D // heads)
  p_BHLL = jax.nn.softmax(jnp.where(mask_BLL[:, None], s_BHLL, -jnp.inf))
  a_BLHK = jnp.einsum("bhlm,bhmk->blhk", p_BHLL, v)
  return dense(a_BLHK.reshape(x_BLD.shape), block["attention_out"])


def dense(x_BLD: jax.Array, layer: Params) -> jax.Array:
  return x_BLD @ layer["kernel"] + layer["bias"]


def norm(x_BLD: jax.Array, layer: Params, epsilon: float) -> jax.Array:
  mean_BL1 = x_BLD.mean(-1, keepdims=True)
  variance_BL1 = x_BLD.var(-1, keepdims=True)
  return (x_BLD - mean_BL1) / jnp.sqrt(variance_BL1 + epsilon) * layer["scale"] + layer["bias"]
