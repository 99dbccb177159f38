"""Attention inside segments: one interface, four ways to compute it.

| way | where | what it is |
|---|---|---|
| cpu | CPUs | one product for queries, keys and values; all results float32 |
| xla | everywhere | three products that put the heads first; results in the model's dtype |
| cudnn | NVIDIA GPUs | cuDNN's fused kernel, in bfloat16 |
| splash | TPUs from v4 on | Pallas's splash kernel, in bfloat16 |

A fused kernel never writes the scores [B, H, L, L] to memory. All ways have the same parameters.
"""

from collections.abc import Callable
import functools
import math
from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from labse_jax.base.sharding import BATCH, traced_platform
from labse_jax.models.products import INIT, add_bias, product, rounded_product

AUTO = "auto"
CPU = "cpu"
XLA = "xla"
CUDNN = "cudnn"
SPLASH = "splash"
WAYS = (CPU, XLA, CUDNN, SPLASH)
FUSED = (CUDNN, SPLASH)
# On a CPU, Pallas runs its kernel step by step: slow, for tests alone.
RUNS_ON = {CUDNN: ("gpu",), SPLASH: ("tpu", "cpu")}

# Their matrix units take no bfloat16 from Pallas: of a v3 its compiler said so; a v2 is older.
WITHOUT_SPLASH = ("TPU v2", "TPU v3")
SPLASH_FROM = 256  # Tokens a row. With 128, XLA's own fusion was estimated to be faster on a v5e.
LANES = 128  # The splash kernel takes rows of a multiple of these.
SPLASH_BLOCK = 512  # Its block of queries, and of keys, where a row is as long.
CUDNN_HEAD = 128  # cuDNN's largest head on cards before Hopper; a head is a multiple of 8 there.

Drop = Callable[[jax.Array], jax.Array]


class Sight(NamedTuple):
  """What the tokens of packed rows see of each other: those of their own segment.

  `mask_BLL` says the same as `segments_BL`. `bias_HLL` is added to the scores where a model has it.
  """

  segments_BL: jax.Array
  mask_BLL: jax.Array
  bias_HLL: jax.Array | None


class Layer(NamedTuple):
  """What decides which ways a layer of attention can take."""

  kind: str  # What JAX calls the device.
  length: int  # The tokens of a row.
  head: int  # The width of a head.
  dtype: str
  relative: bool  # Whether it has a bias by distance.
  dropout: bool  # Whether some of its weights are dropped.


def reason_against(way: str, platform: str, layer: Layer) -> str | None:
  """Why a layer cannot take a fused `way` on a platform, in words; None where it can."""
  if way not in FUSED:
    return None
  if platform not in RUNS_ON[way]:
    return f"this is no {RUNS_ON[way][0].upper()}"
  if way == SPLASH and layer.kind in WITHOUT_SPLASH:
    return f"it cannot be compiled for a {layer.kind}"
  if layer.relative:
    return "the model has a bias by distance"
  if layer.dropout:
    return "there is dropout in attention"
  if layer.dtype != "bfloat16":
    return f"it computes in bfloat16, not in {layer.dtype}"
  if way == SPLASH and layer.length % LANES:
    return f"a row of {layer.length} tokens is no multiple of {LANES}"
  if way == CUDNN and (layer.length % 2 or layer.head % 8 or layer.head > CUDNN_HEAD):
    return f"it takes no heads of width {layer.head} in rows of {layer.length} tokens"
  return None


def best_way(platform: str, layer: Layer) -> str:
  """The way for a layer on a platform."""
  if platform == "cpu":
    return CPU
  fused = fused_way(platform, layer.length)
  if fused and reason_against(fused, platform, layer) is None:
    return fused
  return XLA


def fused_way(platform: str, length: int) -> str | None:
  """The fused kernel that suits a platform and rows of `length` tokens; None for none."""
  if platform == "gpu":
    return CUDNN
  if platform == "tpu" and length >= SPLASH_FROM:
    return SPLASH
  return None


def rounds(way: str) -> bool:
  """Whether results of products are in the model's dtype, as on accelerators, or float32.

  `way` may also be "auto".
  """
  return traced_platform() != "cpu" if way == AUTO else way != CPU


class Heads(nn.Module):
  """Queries, keys and values of every head: [B, H, L, K], or [B, L, H, K] for cuDNN."""

  heads: int
  dtype: str
  way: str

  @nn.compact
  def __call__(self, x_BLD: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    D = x_BLD.shape[-1]
    H = self.heads
    K = D // H
    kernel_D3HK = self.param("kernel", INIT, (D, 3, H, K))
    bias_3HK = self.param("bias", nn.initializers.zeros, (3, H, K))
    if self.way == CPU:
      return self._jointly(x_BLD, kernel_D3HK, bias_3HK)
    q, k, v = (self._one(x_BLD, kernel_D3HK[:, n], bias_3HK[n]) for n in range(3))
    return q, k, v

  def _jointly(self, x_BLD, kernel_D3HK, bias_3HK):
    D = len(kernel_D3HK)
    y_BLF = product("bld,df->blf", x_BLD, kernel_D3HK.reshape(D, -1), self.dtype)
    y_BLF = (y_BLF + bias_3HK.reshape(-1)).reshape(*x_BLD.shape[:-1], *bias_3HK.shape)
    qkv_BL3HK = y_BLF.astype(self.dtype)
    # The way back of a split joins three gradients; that of indexing pads each and adds them.
    q_BL1HK, k_BL1HK, v_BL1HK = jax.lax.split(qkv_BL3HK, (1, 1, 1), axis=2)
    q_BHLK = jnp.transpose(q_BL1HK[:, :, 0], (0, 2, 1, 3))
    k_BHLK = jnp.transpose(k_BL1HK[:, :, 0], (0, 2, 1, 3))
    v_BHLK = jnp.transpose(v_BL1HK[:, :, 0], (0, 2, 1, 3))
    return q_BHLK, k_BHLK, v_BHLK

  def _one(self, x_BLD, kernel_DHK, bias_HK):
    if self.way == CUDNN:
      y_BLHK = rounded_product("bld,dhk->blhk", x_BLD, kernel_DHK, self.dtype)
      return add_bias(y_BLHK, bias_HK)
    y_BHLK = rounded_product("bld,dhk->bhlk", x_BLD, kernel_DHK, self.dtype)
    return add_bias(y_BHLK, bias_HK[:, None])


class Joined(nn.Module):
  """What `attend` gives, of all heads, times the output weights: [B, L, D]."""

  features: int
  dtype: str
  way: str

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    D = self.features
    kernel_DD = self.param("kernel", INIT, (D, D))
    bias_D = self.param("bias", nn.initializers.zeros, (D,))
    if self.way == CPU:
      B, _, L, _ = a.shape
      a_BLD = jnp.transpose(a, (0, 2, 1, 3)).reshape(B, L, D)
      return product("bld,df->blf", a_BLD, kernel_DD, self.dtype) + bias_D
    if self.way == CUDNN:
      a_BLD = a.reshape(*a.shape[:2], D)
      y_BLD = rounded_product("bld,df->blf", a_BLD, kernel_DD, self.dtype)
    else:
      _, H, _, K = a.shape
      y_BLD = rounded_product("bhlk,hkd->bld", a, kernel_DD.reshape(H, K, D), self.dtype)
    return add_bias(y_BLD, bias_D)


def attend(
  way: str,
  heads: tuple[jax.Array, jax.Array, jax.Array],
  sight: Sight,
  drop: Drop,
  dtype: str,
) -> jax.Array:
  """The mean of the values by each query's weights, in the layout that `Heads` gives.

  `drop` is dropout of the weights. A fused way takes neither that nor a bias.
  """
  if way == SPLASH:
    return _by_splash(*heads, sight.segments_BL)
  if way == CUDNN:
    mask_B1LL = sight.mask_BLL[:, None]
    return jax.nn.dot_product_attention(*heads, mask=mask_B1LL, implementation="cudnn")
  if way == XLA:
    return _by_xla(*heads, sight, drop, dtype)
  return _on_cpu(*heads, sight, drop, dtype)


def _on_cpu(q_BHLK, k_BHLK, v_BHLK, sight, drop, dtype):
  s_BHLL = product("bhlk,bhmk->bhlm", q_BHLK * q_BHLK.shape[-1] ** -0.5, k_BHLK, dtype)
  if sight.bias_HLL is not None:
    s_BHLL = s_BHLL + sight.bias_HLL
  s_BHLL = jnp.where(sight.mask_BLL[:, None], s_BHLL, jnp.finfo(jnp.float32).min)
  p_BHLL = drop(jax.nn.softmax(s_BHLL)).astype(dtype)
  return product("bhlm,bhmk->bhlk", p_BHLL, v_BHLK, dtype).astype(dtype)


def _by_xla(q_BHLK, k_BHLK, v_BHLK, sight, drop, dtype):
  s_BHLL = rounded_product("bhlk,bhmk->bhlm", q_BHLK, k_BHLK, dtype)
  p_BHLL = _weights(s_BHLL, sight.mask_BLL, sight.bias_HLL, q_BHLK.shape[-1] ** -0.5)
  return rounded_product("bhlm,bhmk->bhlk", drop(p_BHLL), v_BHLK, dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _weights(s_BHLL, mask_BLL, bias_HLL, scale):
  """Softmax of the scaled scores that may be seen, computed in float32, in the scores' type."""
  s32_BHLL = s_BHLL.astype(jnp.float32) * scale
  if bias_HLL is not None:
    s32_BHLL = s32_BHLL + bias_HLL
  s32_BHLL = jnp.where(mask_BLL[:, None], s32_BHLL, jnp.finfo(jnp.float32).min)
  # Rounded at once: between the two sums over a row, a compiler keeps them in memory.
  e_BHLL = jnp.exp(s32_BHLL - s32_BHLL.max(-1, keepdims=True)).astype(s_BHLL.dtype)
  e32_BHLL = e_BHLL.astype(jnp.float32)
  return (e32_BHLL / e32_BHLL.sum(-1, keepdims=True)).astype(s_BHLL.dtype)


def _weights_forward(s_BHLL, mask_BLL, bias_HLL, scale):
  p_BHLL = _weights(s_BHLL, mask_BLL, bias_HLL, scale)
  return p_BHLL, (p_BHLL, bias_HLL)


def _weights_backward(scale, kept, g_BHLL):
  # Only the rounded weights are kept: autodiff would keep them in float32.
  p_BHLL, bias_HLL = kept
  p32_BHLL = p_BHLL.astype(jnp.float32)
  g32_BHLL = g_BHLL.astype(jnp.float32)
  ds_BHLL = p32_BHLL * (g32_BHLL - jnp.sum(p32_BHLL * g32_BHLL, -1, keepdims=True))
  of_bias = None if bias_HLL is None else jnp.sum(ds_BHLL, 0)
  return (ds_BHLL * scale).astype(p_BHLL.dtype), None, of_bias


_weights.defvjp(_weights_forward, _weights_backward)


def _by_splash(q_BHLK, k_BHLK, v_BHLK, segments_BL):
  """Pallas's kernel on each device's rows: XLA cannot split what it does not know."""
  # In float32, since the factor is no number of bfloat16 for every width.
  scaled_BHLK = (q_BHLK.astype(jnp.float32) * q_BHLK.shape[-1] ** -0.5).astype(q_BHLK.dtype)
  sides = (scaled_BHLK, k_BHLK, v_BHLK, segments_BL)
  if jax.sharding.get_abstract_mesh().empty:
    return _splash_rows(*sides)
  split = jax.shard_map(
    _splash_rows, in_specs=(jax.P(BATCH),) * 4, out_specs=jax.P(BATCH), check_vma=False
  )
  return split(*sides)


def _splash_rows(q_bHLK, k_bHLK, v_bHLK, segments_bL):
  # Only here: the kernel is for TPUs, and it takes a while to import.
  from jax.experimental.pallas.ops.tpu import splash_attention as splash

  H, L, _ = q_bHLK.shape[1:]
  block = math.gcd(SPLASH_BLOCK, L)
  mask = splash.MultiHeadMask([splash.FullMask((L, L))] * H)
  sizes = splash.BlockSizes(
    block_q=block,
    block_kv=block,
    block_kv_compute=block,
    block_q_dkv=block,
    block_kv_dkv=block,
    block_kv_dkv_compute=block,
    block_q_dq=block,
    block_kv_dq=block,
  )
  interpret = traced_platform() != "tpu"
  kernel = splash.make_splash_mha(
    mask, head_shards=1, q_seq_shards=1, block_sizes=sizes, interpret=interpret
  )

  def one_row(q_HLK, k_HLK, v_HLK, segments_L):
    return kernel(q_HLK, k_HLK, v_HLK, splash.SegmentIds(segments_L, segments_L))

  return jax.vmap(one_row)(q_bHLK, k_bHLK, v_bHLK, segments_bL)
