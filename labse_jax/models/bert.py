"""BERT over packed rows (Devlin et al. 2019): the encoder of LaBSE, and its relatives.

A row holds several sentences. `segments_BL` numbers them from 1 (0 is padding) and keeps their
attention apart; `positions_BL` restarts at each. One sentence a row is the padded batch. XLM-R
counts positions from `position_offset`, DistilBERT has no token types (`types` = 0), MPNet has no
types either, but a bias by distance (`relative_buckets`).
"""

from collections.abc import Callable
import functools
import math

from flax import linen as nn
import jax
import jax.numpy as jnp

from labse_jax.base.sharding import rows_of, split_rows
from labse_jax.base.types import Params
from labse_jax.models.mpnet import RelativeBias

TABLE_MULTIPLE = 128  # LaBSE's 501,153 rows divide by no power of two; the folder gets them cut.
INIT = nn.initializers.truncated_normal(0.02)  # Devlin et al. 2019, the released code.


def gelu(x: jax.Array) -> jax.Array:
  """x Phi(x) (Hendrycks and Gimpel 2016) by erf; nn.gelu takes erfc, 2.5 times slower on a CPU."""
  return x * 0.5 * (1 + jax.lax.erf(x * math.sqrt(0.5)))


Activation = Callable[[jax.Array], jax.Array]
ACTIVATIONS: dict[str, Activation] = {"gelu": gelu, "gelu_new": nn.gelu, "relu": nn.relu}


def table_rows(vocab_size: int) -> int:
  """The rows of the table inside: padded, so that devices can split it."""
  return -(-vocab_size // TABLE_MULTIPLE) * TABLE_MULTIPLE


def product(spec: str, a: jax.Array, b: jax.Array, dtype: str) -> jax.Array:
  """jnp.einsum(spec, a, b), products in `dtype`, sums and result in float32."""
  if dtype == "float32":
    return jnp.einsum(spec, a, b, precision=jax.lax.Precision.HIGHEST)
  return _low_product(spec, a, b, dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 3))
def _low_product(spec, a, b, dtype):
  return jnp.einsum(spec, a.astype(dtype), b.astype(dtype), preferred_element_type=jnp.float32)


def _low_forward(spec, a, b, dtype):
  return _low_product(spec, a, b, dtype), (a, b)


def _low_backward(spec, dtype, kept, g):
  """The gradients, with products in `dtype` too: autodiff's would be in float32, as g is."""
  a, b = kept
  inputs, of_g = spec.split("->")
  of_a, of_b = inputs.split(",")
  da = _low_product(f"{of_g},{of_b}->{of_a}", g, b, dtype)
  db = _low_product(f"{of_a},{of_g}->{of_b}", a, g, dtype)
  return da.astype(a.dtype), db.astype(b.dtype)


_low_product.defvjp(_low_forward, _low_backward)


class Dense(nn.Module):
  """A linear map over the last axis; products in `dtype`, sums and result in float32."""

  features: tuple[int, ...]
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x_BLD: jax.Array) -> jax.Array:
    width = x_BLD.shape[-1]
    kernel = self.param("kernel", INIT, (width, *self.features))
    bias = self.param("bias", nn.initializers.zeros, self.features)
    y = product("bld,df->blf", x_BLD, kernel.reshape(width, -1), self.dtype)
    return (y + bias.reshape(-1)).reshape(*x_BLD.shape[:-1], *self.features)


def layer_norm(x_BLD: jax.Array, epsilon: float, dtype: str, name: str) -> jax.Array:
  """LayerNorm whose statistics are in float32 whatever the stream's type."""
  norm = nn.LayerNorm(epsilon=epsilon, dtype=jnp.float32, name=name)
  return norm(x_BLD.astype(jnp.float32)).astype(dtype)


class Block(nn.Module):
  """One post-norm layer: self-attention inside each segment, then the feed-forward network."""

  heads: int
  mlp_width: int
  dropout: float
  epsilon: float
  activation: str
  dtype: str

  def norm(self, x_BLD: jax.Array, name: str) -> jax.Array:
    return layer_norm(x_BLD, self.epsilon, self.dtype, name)

  @nn.compact
  def __call__(
    self, x_BLD: jax.Array, mask_BLL: jax.Array, bias_HLL: jax.Array | None, train: bool
  ) -> tuple[jax.Array, None]:
    drop = nn.Dropout(self.dropout, deterministic=not train)
    D = x_BLD.shape[-1]
    H = self.heads
    K = D // H
    qkv_BL3HK = Dense((3, H, K), self.dtype, name="query_key_value")(x_BLD).astype(self.dtype)
    # The way back of a split joins three gradients; that of indexing pads each and adds them.
    q_BL1HK, k_BL1HK, v_BL1HK = jax.lax.split(qkv_BL3HK, (1, 1, 1), axis=2)
    q_BHLK = jnp.transpose(q_BL1HK[:, :, 0], (0, 2, 1, 3))
    k_BHLK = jnp.transpose(k_BL1HK[:, :, 0], (0, 2, 1, 3))
    v_BHLK = jnp.transpose(v_BL1HK[:, :, 0], (0, 2, 1, 3))
    s_BHLL = product("bhlk,bhmk->bhlm", q_BHLK * K**-0.5, k_BHLK, self.dtype)
    if bias_HLL is not None:
      s_BHLL = s_BHLL + bias_HLL
    s_BHLL = jnp.where(mask_BLL[:, None], s_BHLL, jnp.finfo(jnp.float32).min)
    p_BHLL = drop(jax.nn.softmax(s_BHLL)).astype(self.dtype)
    a_BHLK = product("bhlm,bhmk->bhlk", p_BHLL, v_BHLK, self.dtype)
    a_BLD = Dense((D,), self.dtype, name="attention_out")(
      jnp.transpose(a_BHLK, (0, 2, 1, 3)).reshape(x_BLD.shape)
    )
    x_BLD = self.norm(x_BLD + drop(a_BLD), "attention_norm")
    h_BLF = ACTIVATIONS[self.activation](Dense((self.mlp_width,), self.dtype, name="up")(x_BLD))
    y_BLD = Dense((D,), self.dtype, name="down")(h_BLF)
    return split_rows(self.norm(x_BLD + drop(y_BLD), "mlp_norm")), None


class Bert(nn.Module):
  """Packed token ids to one vector a token: tokens_BL, segments_BL, positions_BL -> x_BLD."""

  vocab_size: int
  width: int
  depth: int
  heads: int
  mlp_width: int
  positions: int = 512
  types: int = 2
  position_offset: int = 0  # XLM-R's first rows of the position table are not for tokens.
  relative_buckets: int = 0
  dropout: float = 0.1
  epsilon: float = 1e-12
  activation: str = "gelu"
  dtype: str = "float32"
  remat: bool = False
  unroll: bool = False  # Compiles each layer by itself: faster on a CPU, later to start.
  unstacked: bool = False  # Takes the parameters of `unstack`.

  @property
  def longest(self) -> int:
    """The most tokens that a sentence may have."""
    return self.positions - self.position_offset

  @nn.compact
  def __call__(
    self,
    tokens_BL: jax.Array,
    segments_BL: jax.Array,
    positions_BL: jax.Array,
    *,
    train: bool = False,
  ) -> jax.Array:
    word_VD = self.param("word_embedding", INIT, (table_rows(self.vocab_size), self.width))
    position_PD = self.param("position_embedding", INIT, (self.positions, self.width))
    x_BLD = rows_of(word_VD, tokens_BL) + position_PD[positions_BL + self.position_offset]
    if self.types:  # A sentence is always of the first.
      x_BLD += self.param("type_embedding", INIT, (self.types, self.width))[0]
    x_BLD = nn.LayerNorm(epsilon=self.epsilon, name="embedding_norm")(x_BLD)
    x_BLD = nn.Dropout(self.dropout, deterministic=not train)(x_BLD)
    x_BLD = split_rows(x_BLD.astype(self.dtype))
    mask_BLL = segments_BL[:, :, None] == segments_BL[:, None, :]
    bias_HLL = None
    if self.relative_buckets:
      bias = RelativeBias(self.relative_buckets, self.heads, INIT, name="relative")
      bias_HLL = bias(tokens_BL.shape[1])
    fields = (self.heads, self.mlp_width, self.dropout, self.epsilon, self.activation, self.dtype)
    if self.unstacked:
      for n in range(self.depth):
        x_BLD, _ = Block(*fields, name=f"block_{n}")(x_BLD, mask_BLL, bias_HLL, train)
      return x_BLD
    if not self.depth:  # A stack of no layers would be arrays of no size, which nothing can save.
      return x_BLD
    # The weights of all layers are stacked on axis 0; `self` is argument 0 of remat. A loop keeps
    # the compiler from merging what is computed again with the first time.
    block = nn.remat(Block, prevent_cse=self.unroll, static_argnums=(4,)) if self.remat else Block
    x_BLD, _ = nn.scan(
      block,
      length=self.depth,
      in_axes=nn.broadcast,
      variable_axes={"params": 0},
      split_rngs={"params": True, "dropout": True},
      unroll=self.depth if self.unroll else 1,
    )(*fields, name="blocks")(x_BLD, mask_BLL, bias_HLL, train)
    return x_BLD


def unstack(params: Params, dtype: str) -> Params:
  """The parameters of a Bert that is `unstacked`: arrays of one layer each, kernels in `dtype`.

  To encode, not to train: a scan copies each layer's weights out of the stack in every batch.
  """

  def of_layer(n):
    def cast(path, x_N):
      # A view where it can be one: a layer of a model that was just read stays where it lies.
      return x_N[n].astype(dtype, copy=False) if path[-1].key == "kernel" else x_N[n]

    return jax.tree_util.tree_map_with_path(cast, params["blocks"])

  others = {name: leaf for name, leaf in params.items() if name != "blocks"}
  depth = len(params["blocks"]["up"]["bias"]) if "blocks" in params else 0
  return others | {f"block_{n}": of_layer(n) for n in range(depth)}


def with_first_layers(params: Params, fresh: Params) -> Params:
  """The parameters of a Bert without layers, with those of `fresh`; its vectors stay the same.

  The output projections of the new layers are zero, so that they add nothing to the stream yet
  (Bachlechner et al. 2020, ReZero, have a factor of zero instead). But post-norm layers normalise
  the stream again: the scale and the bias of the embeddings' norm move to the last norm.
  """
  blocks = dict(fresh["blocks"])
  for name in ("attention_out", "down"):
    blocks[name] = jax.tree.map(jnp.zeros_like, blocks[name])
  old = params["embedding_norm"]
  blocks["mlp_norm"] = {
    name: x_ND.at[-1].set(old[name]) for name, x_ND in blocks["mlp_norm"].items()
  }
  return params | {"blocks": blocks, "embedding_norm": fresh["embedding_norm"]}
