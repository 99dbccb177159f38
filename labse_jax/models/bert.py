"""BERT over packed rows (Devlin et al. 2019): the encoder of LaBSE, and its relatives.

A row holds several sentences. `segments_BL` numbers them from 1 (0 is padding) and keeps their
attention apart; `positions_BL` restarts at each. One sentence a row is the padded batch. XLM-R
counts positions from `position_offset`, DistilBERT has no token types (`types` = 0), MPNet has no
types either, but a bias by distance (`relative_buckets`).
"""

from collections.abc import Callable
import math

from flax import linen as nn
import jax
import jax.numpy as jnp

from labse_jax.base.errors import known
from labse_jax.base.sharding import rows_of, split_rows, traced_device, traced_platform
from labse_jax.base.types import Params
from labse_jax.models import attention
from labse_jax.models.mpnet import RelativeBias
from labse_jax.models.products import INIT, Dense

TABLE_MULTIPLE = 128  # LaBSE's 501,153 rows divide by no power of two; the folder gets them cut.


def gelu(x: jax.Array) -> jax.Array:
  """x Phi(x) (Hendrycks and Gimpel 2016) by erf; nn.gelu takes erfc, 2.5 times slower on a CPU."""
  return x * 0.5 * (1 + jax.lax.erf(x * math.sqrt(0.5)))


Activation = Callable[[jax.Array], jax.Array]
ACTIVATIONS: dict[str, Activation] = {"gelu": gelu, "gelu_new": nn.gelu, "relu": nn.relu}


def table_rows(vocab_size: int) -> int:
  """The rows of the table inside: padded, so that devices can split it."""
  return -(-vocab_size // TABLE_MULTIPLE) * TABLE_MULTIPLE


def added(x_BLD: jax.Array, y_BLD: jax.Array) -> jax.Array:
  """x + y in float32: a norm reads the sum, and nothing writes it to memory."""
  return x_BLD.astype(jnp.float32) + y_BLD.astype(jnp.float32)


def layer_norm(x_BLD: jax.Array, epsilon: float, dtype: str, name: str) -> jax.Array:
  """LayerNorm whose statistics are in float32 whatever the stream's type."""
  norm = nn.LayerNorm(epsilon=epsilon, dtype=jnp.float32, name=name)
  return norm(x_BLD.astype(jnp.float32)).astype(dtype)


class Block(nn.Module):
  """One post-norm layer: self-attention inside each segment, then the feed-forward network.

  `way` is one of attention.WAYS.
  """

  heads: int
  mlp_width: int
  dropout: float
  attention_dropout: float
  epsilon: float
  activation: str
  dtype: str
  way: str

  def norm(self, x_BLD: jax.Array, name: str) -> jax.Array:
    return layer_norm(x_BLD, self.epsilon, self.dtype, name)

  def dense(self, features: int, name: str) -> Dense:
    return Dense((features,), self.dtype, rounds=attention.rounds(self.way), name=name)

  @nn.compact
  def __call__(
    self, x_BLD: jax.Array, sight: attention.Sight, train: bool
  ) -> tuple[jax.Array, None]:
    drop = nn.Dropout(self.dropout, deterministic=not train)
    drop_weights = drop
    if self.attention_dropout != self.dropout:
      drop_weights = nn.Dropout(self.attention_dropout, deterministic=not train)
    D = x_BLD.shape[-1]
    project = attention.Heads(self.heads, self.dtype, self.way, name="query_key_value")
    heads = project(x_BLD)
    with jax.named_scope("attention"):  # By this name `plan` finds what attention takes.
      a = attention.attend(self.way, heads, sight, drop_weights, self.dtype)
    a_BLD = attention.Joined(D, self.dtype, self.way, name="attention_out")(a)
    x_BLD = self.norm(added(x_BLD, drop(a_BLD)), "attention_norm")
    h_BLF = ACTIVATIONS[self.activation](self.dense(self.mlp_width, "up")(x_BLD))
    y_BLD = self.dense(D, "down")(h_BLF)
    return split_rows(self.norm(added(x_BLD, drop(y_BLD)), "mlp_norm")), None


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
  attention_dropout: float | None = None  # None: the same as `dropout`.
  epsilon: float = 1e-12
  activation: str = "gelu"
  dtype: str = "float32"
  attention: str = "auto"  # Or one of attention.WAYS.
  remat: bool = False
  unroll: bool = False  # Compiles each layer by itself: faster on a CPU, later to start.
  unstacked: bool = False  # Takes the parameters of `unstack`.

  @property
  def weights_dropout(self) -> float:
    """The share of attention's weights that training drops."""
    return self.dropout if self.attention_dropout is None else self.attention_dropout

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
    rows_BL = positions_BL
    if self.position_offset:
      rows_BL = position_rows(tokens_BL, positions_BL, self.position_offset)
    x_BLD = rows_of(word_VD, tokens_BL) + position_PD[rows_BL]
    if self.types:  # A sentence is always of the first.
      x_BLD += self.param("type_embedding", INIT, (self.types, self.width))[0]
    x_BLD = nn.LayerNorm(epsilon=self.epsilon, name="embedding_norm")(x_BLD)
    x_BLD = nn.Dropout(self.dropout, deterministic=not train)(x_BLD)
    x_BLD = split_rows(x_BLD.astype(self.dtype))
    bias_HLL = None
    if self.relative_buckets:
      bias = RelativeBias(self.relative_buckets, self.heads, INIT, name="relative")
      bias_HLL = bias(tokens_BL.shape[1])
    mask_BLL = segments_BL[:, :, None] == segments_BL[:, None, :]
    sight = attention.Sight(segments_BL, mask_BLL, bias_HLL)
    fields = (
      self.heads,
      self.mlp_width,
      self.dropout,
      self.weights_dropout,
      self.epsilon,
      self.activation,
      self.dtype,
      self.way(tokens_BL.shape[1], train),
    )
    if self.unstacked:
      for n in range(self.depth):
        x_BLD, _ = Block(*fields, name=f"block_{n}")(x_BLD, sight, train)
      return x_BLD
    if not self.depth:  # A stack of no layers would be arrays of no size, which nothing can save.
      return x_BLD
    # The weights of all layers are stacked on axis 0; `self` is argument 0 of remat. A loop keeps
    # the compiler from merging what is computed again with the first time.
    block = nn.remat(Block, prevent_cse=self.unroll, static_argnums=(3,)) if self.remat else Block
    x_BLD, _ = nn.scan(
      block,
      length=self.depth,
      in_axes=nn.broadcast,
      variable_axes={"params": 0},
      split_rngs={"params": True, "dropout": True},
      unroll=self.depth if self.unroll else 1,
    )(*fields, name="blocks")(x_BLD, sight, train)
    return x_BLD

  def way(self, length: int, train: bool) -> str:
    """The way to compute attention in rows of `length` tokens, of attention.WAYS.

    A fused way that cannot take these rows, as those of the first initialisation, gives way to XLA.
    """
    layer = attention.Layer(
      kind=traced_device().device_kind,
      length=length,
      head=self.width // self.heads,
      dtype=self.dtype,
      relative=bool(self.relative_buckets),
      dropout=train and self.weights_dropout > 0,
    )
    platform = traced_platform()
    asked = known("attention", self.attention, (attention.AUTO, *attention.WAYS))
    if asked == attention.AUTO:
      return attention.best_way(platform, layer)
    return attention.XLA if attention.reason_against(asked, platform, layer) else asked


def position_rows(tokens_BL: jax.Array, positions_BL: jax.Array, offset: int) -> jax.Array:
  """The rows of XLM-R's and MPNet's position table, where sentences begin with row `offset`.

  They do not count the padding token, whose id is `offset` - 1, even where a text spells it. It has
  the row before the first.
  """
  pads_BL = tokens_BL == offset - 1
  before_BL = jnp.cumsum(pads_BL, axis=1) - pads_BL
  # The sums grow along a row, so the last one that a sentence began with is the largest so far.
  at_start_BL = jax.lax.cummax(jnp.where(positions_BL == 0, before_BL, 0), axis=1)
  counted_BL = positions_BL - (before_BL - at_start_BL)
  return jnp.where(pads_BL, offset - 1, counted_BL + offset)


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
