"""Other ways to compute a layer of the encoder, to compile and to compare with the one in use.

    with variants.applied(["bf16out", "splash"]):
      ...  # Here labse_jax.models.bert builds the layer that the names say.

A variant has the parameters of labse_jax.models.bert.Block, and its vectors but for rounding.
"""

from collections.abc import Collection, Iterator
import contextlib
from unittest import mock

from flax import linen as nn
import jax
import jax.numpy as jnp
import variant_attention

from labse_jax.base.errors import known
from labse_jax.base.sharding import split_rows
from labse_jax.models import bert

NAMES = {
  "addmask": "adds a large negative number to masked scores, where the layer in use selects",
  "bf16out": "products come out in the type of their factors, not in float32",
  "bf16res": "what is added to the residual stream is rounded first",
  "bhlk": "three products for queries, keys and values, which put the heads in front themselves",
  "cudnn": "attention by cuDNN's fused kernel, without dropout",
  "dots": "keeps the products with weights for the way back; to be used with --no-remat",
  "dpa": "attention by jax.nn.dot_product_attention as XLA compiles it, without dropout",
  "flash": "attention by Pallas' flash kernel for TPUs, without dropout",
  "noattndrop": "no dropout in attention",
  "rbg": "random numbers from the device's own generator",
  "separate": "three products for queries, keys and values; heads stay behind the tokens",
  "smf32": "the softmax in float32 whatever comes in",
  "splash": "attention by Pallas' splash kernel for TPUs, without dropout",
  "tanhgelu": "GELU by tanh",
  "unsafe_rbg": "as rbg, and keys are split by that generator too",
}
GENERATORS = {"rbg", "unsafe_rbg"}
SAME_LAYER = {*GENERATORS, "bf16out", "tanhgelu"}  # These change only what the layer calls.


@contextlib.contextmanager
def applied(names: Collection[str]) -> Iterator[None]:
  """Changes labse_jax.models.bert for the models that are traced inside."""
  for name in names:
    known("variant", name, NAMES)
  with contextlib.ExitStack() as stack:
    for name in GENERATORS.intersection(names):
      stack.enter_context(jax.default_prng_impl(name))
    if "bf16out" in names:
      stack.enter_context(mock.patch.object(bert, "product", low_product))
    if "tanhgelu" in names:
      stack.enter_context(mock.patch.dict(bert.ACTIVATIONS, gelu=nn.gelu))
    if not SAME_LAYER.issuperset(names):
      stack.enter_context(mock.patch.object(bert, "Block", block_of(names)))
    yield


def low_product(spec: str, a: jax.Array, b: jax.Array, dtype: str) -> jax.Array:
  """An einsum whose result has the type of its factors, and so have its gradients."""
  return jnp.einsum(spec, a.astype(dtype), b.astype(dtype))


def block_of(names: Collection[str]) -> type[nn.Module]:
  """The layer with these variants, to stand in the place of bert.Block."""

  chosen = tuple(sorted(names))

  class Chosen(VariantBlock):
    names: tuple[str, ...] = chosen

  if "dots" not in names:
    return Chosen
  policy = jax.checkpoint_policies.dots_with_no_batch_dims_saveable
  return nn.remat(Chosen, prevent_cse=False, static_argnums=(4,), policy=policy)


class VariantBlock(bert.Block):
  """bert.Block in other ways."""

  names: tuple[str, ...] = ()

  @nn.compact
  def __call__(self, x_BLD, mask_BLL, bias_HLL, train):
    drop = nn.Dropout(self.dropout, deterministic=not train)
    D = x_BLD.shape[-1]
    H = self.heads
    project = Heads(H, D // H, self.dtype, self.names, name="query_key_value")
    q, k, v = project(x_BLD)
    attention = variant_attention.Attention(self.names, self.dtype, drop)
    a_BLHK = attention(q, k, v, mask_BLL, bias_HLL)
    a_BLD = self.dense((D,), "attention_out", a_BLHK.reshape(x_BLD.shape))
    x_BLD = self.norm(x_BLD + drop(a_BLD), "attention_norm")
    h_BLF = self.dense((self.mlp_width,), "up", x_BLD)
    y_BLD = self.dense((D,), "down", bert.ACTIVATIONS[self.activation](h_BLF))
    return split_rows(self.norm(x_BLD + drop(y_BLD), "mlp_norm")), None

  def dense(self, features, name, x):
    y = Dense(features, self.dtype, name=name)(x)
    return y.astype(self.dtype) if "bf16res" in self.names else y


class Dense(nn.Module):
  """bert.Dense, except that the bias takes the type of the product."""

  features: tuple[int, ...]
  dtype: str

  @nn.compact
  def __call__(self, x_BLD):
    D = x_BLD.shape[-1]
    kernel = self.param("kernel", bert.INIT, (D, *self.features))
    bias = self.param("bias", nn.initializers.zeros, self.features)
    y = bert.product("bld,df->blf", x_BLD, kernel.reshape(D, -1), self.dtype)
    y = y + bias.reshape(-1).astype(y.dtype)
    return y.reshape(*x_BLD.shape[:-1], *self.features)


class Heads(nn.Module):
  """Queries, keys and values: [B, L, H, K], or with "bhlk" [B, H, L, K]."""

  heads: int
  size: int
  dtype: str
  names: tuple[str, ...]

  @nn.compact
  def __call__(self, x_BLD):
    D = x_BLD.shape[-1]
    features = (3, self.heads, self.size)
    kernel_D3HK = self.param("kernel", bert.INIT, (D, *features))
    bias_3HK = self.param("bias", nn.initializers.zeros, features)
    if "bhlk" in self.names:
      return [self.heads_first(x_BLD, kernel_D3HK[:, n], bias_3HK[n]) for n in range(3)]
    if "separate" in self.names:
      return [self.heads_last(x_BLD, kernel_D3HK[:, n], bias_3HK[n]) for n in range(3)]
    qkv_BL3HK = self.heads_last(x_BLD, kernel_D3HK, bias_3HK)
    return [jnp.squeeze(part, 2) for part in jax.lax.split(qkv_BL3HK, (1, 1, 1), axis=2)]

  def heads_first(self, x_BLD, kernel_DHK, bias_HK):
    y_BHLK = bert.product("bld,dhk->bhlk", x_BLD, kernel_DHK, self.dtype)
    return (y_BHLK + bias_HK[:, None, :].astype(y_BHLK.dtype)).astype(self.dtype)

  def heads_last(self, x_BLD, kernel, bias):
    """One plain matrix product, whose columns are then told apart."""
    y_BLF = bert.product("bld,df->blf", x_BLD, kernel.reshape(len(kernel), -1), self.dtype)
    y_BLF = (y_BLF + bias.reshape(-1).astype(y_BLF.dtype)).astype(self.dtype)
    return y_BLF.reshape(*x_BLD.shape[:-1], *kernel.shape[1:])
