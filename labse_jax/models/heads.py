"""From token vectors to one unit vector a sentence: pooling, dense layer, normalisation."""

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

from labse_jax.base.errors import InputError, known
from labse_jax.base.types import Params
from labse_jax.models.attention import AUTO, WAYS
from labse_jax.models.bert import ACTIVATIONS, Activation, Bert, layer_norm, table_rows
from labse_jax.models.products import INIT, Dense

DENSE_ACTIVATIONS: dict[str, Activation] = {
  "gelu": ACTIVATIONS["gelu"],
  "identity": lambda x: x,
  "relu": nn.relu,
  "tanh": jnp.tanh,
  "sigmoid": nn.sigmoid,
}


def _member_BSL(segments_BL, slots):
  return segments_BL[:, None, :] == jnp.arange(1, slots + 1)[:, None]


def _weigh(weight_BSL, x_BLD):
  return jnp.einsum(
    "bsl,bld->bsd", weight_BSL, x_BLD.astype(jnp.float32), precision=jax.lax.Precision.HIGHEST
  )


def pool_cls(x_BLD: jax.Array, segments_BL: jax.Array, slots: int) -> jax.Array:
  """The vector of each sentence's first token, [B, slots, D]."""
  before_BL = jnp.pad(segments_BL[:, :-1], ((0, 0), (1, 0)))
  first_BSL = _member_BSL(segments_BL, slots) & (segments_BL != before_BL)[:, None]
  return _weigh(first_BSL.astype(jnp.float32), x_BLD)


def pool_mean(x_BLD: jax.Array, segments_BL: jax.Array, slots: int) -> jax.Array:
  """The mean over each sentence's tokens, [B, slots, D]; zero for an empty slot."""
  member_BSL = _member_BSL(segments_BL, slots).astype(jnp.float32)
  return _weigh(member_BSL, x_BLD) / jnp.maximum(member_BSL.sum(-1, keepdims=True), 1)


def pool_mean_sqrt_len(x_BLD: jax.Array, segments_BL: jax.Array, slots: int) -> jax.Array:
  """The sum over each sentence's tokens by the root of their number, [B, slots, D]."""
  member_BSL = _member_BSL(segments_BL, slots).astype(jnp.float32)
  return _weigh(member_BSL, x_BLD) / jnp.sqrt(jnp.maximum(member_BSL.sum(-1, keepdims=True), 1))


def pool_weighted_mean(x_BLD: jax.Array, segments_BL: jax.Array, slots: int) -> jax.Array:
  """The mean in which a sentence's n-th token weighs n (Muennighoff 2022, eq. 2), [B, slots, D]."""
  member_BSL = _member_BSL(segments_BL, slots).astype(jnp.float32)
  weight_BSL = member_BSL * jnp.cumsum(member_BSL, -1)
  return _weigh(weight_BSL, x_BLD) / jnp.maximum(weight_BSL.sum(-1, keepdims=True), 1)


def pool_max(x_BLD: jax.Array, segments_BL: jax.Array, slots: int) -> jax.Array:
  """The largest value of each dimension over a sentence's tokens, [B, slots, D]."""

  def one(x_LD, segments_L):
    return jax.ops.segment_max(x_LD, segments_L, slots + 1)[1:]

  z_BSD = jax.vmap(one)(x_BLD.astype(jnp.float32), segments_BL)
  return jnp.where(_member_BSL(segments_BL, slots).any(-1)[..., None], z_BSD, 0)


POOLING = {
  "cls": pool_cls,
  "max": pool_max,
  "mean": pool_mean,
  "mean_sqrt_len": pool_mean_sqrt_len,
  "weighted_mean": pool_weighted_mean,
}


class SentenceModel(nn.Module):
  """Packed rows of tokens to z_BSD: one float32 vector of length 1 for each of a row's slots.

  `dense` is the width of the layer after pooling (0: none). LaBSE is cls, 768, tanh.
  """

  bert: Bert
  pooling: str = "cls"
  dense: int = 0
  dense_activation: str = "tanh"
  normalize: bool = True

  @property
  def out_width(self) -> int:
    """The dimensions of a sentence's vector."""
    return self.dense or self.bert.width

  @nn.compact
  def __call__(
    self,
    tokens_BL: jax.Array,
    segments_BL: jax.Array,
    positions_BL: jax.Array,
    *,
    slots: int,
    train: bool = False,
  ) -> jax.Array:
    x_BLD = self.bert(tokens_BL, segments_BL, positions_BL, train=train)
    z_BSD = POOLING[self.pooling](x_BLD, segments_BL, slots)
    if self.dense:
      layer = nn.Dense(self.dense, precision="highest", kernel_init=INIT, name="dense")
      z_BSD = DENSE_ACTIVATIONS[self.dense_activation](layer(z_BSD))
    if self.normalize:
      z_BSD = unit(z_BSD)
    return z_BSD


def unit(z: jax.Array) -> jax.Array:
  """z over its norm, along the last axis; zero stays zero."""
  # An empty slot is the zero vector: its square root must not turn the gradient to NaN.
  return z * jax.lax.rsqrt(jnp.maximum(jnp.sum(z**2, -1, keepdims=True), 1e-24))


class Predictions(nn.Module):
  """What BERT puts between a token's vector and the tied table: Dense, activation, LayerNorm.

  x_BMD -> (x_BMD, bias_V); the bias is the logits'.
  """

  vocab_size: int
  epsilon: float
  activation: str
  dtype: str

  @nn.compact
  def __call__(self, x_BMD: jax.Array) -> tuple[jax.Array, jax.Array]:
    x_BMD = Dense((x_BMD.shape[-1],), self.dtype, name="transform")(x_BMD)
    x_BMD = layer_norm(ACTIVATIONS[self.activation](x_BMD), self.epsilon, self.dtype, "norm")
    bias_V = self.param("output_bias", nn.initializers.zeros, (table_rows(self.vocab_size),))
    return x_BMD, bias_V


class MaskedLM(nn.Module):
  """Packed rows to the vectors whose products with the table are logits (Devlin et al. 2019).

  predicted_BM are places in each row. Returns (x_BMD, bias_V); the table is the encoder's own.
  """

  bert: Bert

  @nn.compact
  def __call__(
    self,
    tokens_BL: jax.Array,
    segments_BL: jax.Array,
    positions_BL: jax.Array,
    predicted_BM: jax.Array,
    *,
    train: bool = False,
  ) -> tuple[jax.Array, jax.Array]:
    x_BLD = self.bert(tokens_BL, segments_BL, positions_BL, train=train)
    x_BMD = jnp.take_along_axis(x_BLD, predicted_BM[..., None], axis=1)
    bert = self.bert
    return Predictions(
      bert.vocab_size, bert.epsilon, bert.activation, bert.dtype, name="masked_lm"
    )(x_BMD)


def build(
  model: Mapping[str, Any],
  head: Mapping[str, Any],
  *,
  dtype: str = "float32",
  attention: str = "auto",
  remat: bool = False,
  unroll: bool = False,
) -> SentenceModel:
  """The module of a config's `model` and `head` sections; raises on a name it does not know."""
  known("pooling", head["pooling"], POOLING)
  known("dense activation", head.get("dense_activation", "tanh"), DENSE_ACTIVATIONS)
  known("activation", model.get("activation", "gelu"), ACTIVATIONS)
  known("dtype", dtype, ("float32", "bfloat16"))
  assert isinstance(remat, bool) and isinstance(unroll, bool), "settle_step puts these for 'auto'"
  known("attention", attention, (AUTO, *WAYS))
  if model["width"] % model["heads"]:
    raise InputError(f"heads = {model['heads']} does not divide width = {model['width']}.")
  bert = Bert(**model, dtype=dtype, attention=attention, remat=remat, unroll=unroll)
  return SentenceModel(bert, **head)


def init(module: SentenceModel, key: jax.Array) -> Params:
  """Fresh parameters: a nested dict of float32 arrays."""
  tokens_BL = jnp.zeros((1, 8), jnp.int32)
  return module.init(key, tokens_BL, tokens_BL, tokens_BL, slots=1)["params"]
