"""Ways to compute attention inside segments: XLA's own, and four fused kernels."""

from collections.abc import Callable
import dataclasses

import jax
import jax.numpy as jnp

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import BATCH
from labse_jax.models import bert

FUSED = ("cudnn", "dpa", "flash", "splash")
LANES = 128  # The kernels for TPUs take rows of a multiple of these.
MOST_TOKENS = 512  # A kernel's block of queries, and of keys.
FAR = -1e9


@dataclasses.dataclass(frozen=True)
class Attention:
  """Attention by the way that `names` say, for queries, keys and values of `variants.Heads`."""

  names: tuple[str, ...]
  dtype: str
  drop: Callable

  def __call__(self, q, k, v, mask_BLL, bias_HLL):
    """The mean of the values by each query's weights, [B, L, H, K] in `dtype`."""
    heads_first = "bhlk" in self.names
    name = next((name for name in FUSED if name in self.names), None)
    if name is None:
      return self.by_xla(q, k, v, mask_BLL, bias_HLL, "bhlk" if heads_first else "blhk")
    if bias_HLL is not None:
      raise InputError(f"The variant {name!r} has no bias by distance, which this model needs.")
    if name in ("flash", "splash"):
      sides = [x if heads_first else jnp.swapaxes(x, 1, 2) for x in (q, k, v)]
      return by_pallas(name, *sides, mask_BLL).astype(self.dtype)
    sides = [jnp.swapaxes(x, 1, 2) if heads_first else x for x in (q, k, v)]
    return by_jax(name, *sides, mask_BLL).astype(self.dtype)

  def by_xla(self, q, k, v, mask_BLL, bias_HLL, layout):
    """Scores, their softmax and the weighed values, in the layout that the heads came in."""
    keys = layout.replace("l", "m")
    scaled = q * q.shape[-1] ** -0.5
    s_BHLL = bert.product(f"{layout},{keys}->bhlm", scaled, k, self.dtype)
    if bias_HLL is not None:
      s_BHLL = s_BHLL + bias_HLL
    s_BHLL = self.masked(s_BHLL, mask_BLL[:, None])
    if "smf32" in self.names:
      s_BHLL = s_BHLL.astype(jnp.float32)
    p_BHLL = jax.nn.softmax(s_BHLL)
    if "noattndrop" not in self.names:
      p_BHLL = self.drop(p_BHLL)
    p_BHLL = p_BHLL.astype(self.dtype)
    a = bert.product(f"bhlm,{keys}->{layout}", p_BHLL, v, self.dtype).astype(self.dtype)
    return jnp.swapaxes(a, 1, 2) if layout == "bhlk" else a

  def masked(self, s_BHLL, mask_B1LL):
    if "addmask" in self.names:
      return s_BHLL + jnp.where(mask_B1LL, 0, FAR).astype(s_BHLL.dtype)
    return jnp.where(mask_B1LL, s_BHLL, jnp.finfo(s_BHLL.dtype).min)


def by_jax(name, q_BLHK, k_BLHK, v_BLHK, mask_BLL):
  """JAX's own function, by cuDNN or as XLA compiles it: [B, L, H, K]."""
  implementation = "cudnn" if name == "cudnn" else "xla"
  return jax.nn.dot_product_attention(
    q_BLHK, k_BLHK, v_BLHK, mask=mask_BLL[:, None], implementation=implementation
  )


def by_pallas(name, q_BHLK, k_BHLK, v_BHLK, mask_BLL):
  """One of JAX's kernels for TPUs, on each device's rows: [B, L, H, K]."""
  length = q_BHLK.shape[2]
  if length % LANES:
    raise InputError(f"length = {length}: the variant {name!r} needs a multiple of {LANES}.")
  # The kernels take numbers of segments: here the place of the first token that one sees.
  segments_BL = jnp.argmax(mask_BLL, axis=-1).astype(jnp.int32)
  local = {"flash": flash, "splash": splash}[name]
  kernel = jax.shard_map(
    local, in_specs=(jax.P(BATCH),) * 4, out_specs=jax.P(BATCH), check_vma=False
  )
  return jnp.swapaxes(kernel(q_BHLK, k_BHLK, v_BHLK, segments_BL), 1, 2)


def flash(q_bHLK, k_bHLK, v_bHLK, segments_bL):
  from jax.experimental.pallas.ops.tpu import flash_attention

  size = min(MOST_TOKENS, q_bHLK.shape[2])
  # All blocks of tokens are of one size, and each has one row of the batch.
  names = [field.name for field in dataclasses.fields(flash_attention.BlockSizes)]
  blocks = dict.fromkeys(names, size) | {"block_b": 1}
  return flash_attention.flash_attention(
    q_bHLK,
    k_bHLK,
    v_bHLK,
    segment_ids=flash_attention.SegmentIds(segments_bL, segments_bL),
    sm_scale=q_bHLK.shape[-1] ** -0.5,
    block_sizes=flash_attention.BlockSizes(**blocks),
  )


def splash(q_bHLK, k_bHLK, v_bHLK, segments_bL):
  from jax.experimental.pallas.ops.tpu.splash_attention import (
    splash_attention_kernel as kernels,
  )
  from jax.experimental.pallas.ops.tpu.splash_attention import (
    splash_attention_mask as masks,
  )

  heads, length, width = q_bHLK.shape[1:]
  size = min(MOST_TOKENS, length)
  kernel = kernels.make_splash_mha(
    masks.MultiHeadMask([masks.FullMask((length, length))] * heads),
    head_shards=1,
    q_seq_shards=1,
    block_sizes=kernels.BlockSizes(
      block_q=size,
      block_kv=size,
      block_kv_compute=size,
      block_q_dkv=size,
      block_kv_dkv=size,
      block_kv_dkv_compute=size,
      block_q_dq=size,
      block_kv_dq=size,
    ),
  )

  def one_row(q_HLK, k_HLK, v_HLK, segments_L):
    return kernel(q_HLK, k_HLK, v_HLK, kernels.SegmentIds(segments_L, segments_L))

  return jax.vmap(one_row)(q_bHLK * width**-0.5, k_bHLK, v_bHLK, segments_bL)
