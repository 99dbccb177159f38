"""Cross entropy of masked language modelling that never forms the logits of a large vocabulary."""

import functools

import jax
import jax.numpy as jnp

NEVER = -1e30  # The logit of a row that does not count: finite, so that no difference is NaN.


def masked_lm(
  x_mD: jax.Array,
  labels_m: jax.Array,
  table_vD: jax.Array,
  bias_v: jax.Array,
  *,
  chunk: int,
  axis_name: tuple[str, str],
) -> tuple[jax.Array, jax.Array]:
  """Cross entropy of each prediction over the whole vocabulary (Devlin et al. 2019, sec. 3.1).

  Runs inside `shard_map` over a mesh whose axes are `axis_name` = (data, fsdp): every device brings
  m predictions, and its part v of the tied table and of the bias, split by vocabulary over fsdp.
  The devices of one fsdp group exchange vectors, never logits or rows of the table. Products are
  made in the type of x_mD, sums in float32. Returns (loss_m, hit_m): the loss, and whether no
  other entry has a higher logit.
  """
  data, fsdp = axis_name

  def gather(a):
    return jax.lax.all_gather(a, fsdp, tiled=True)

  m = x_mD.shape[0]
  own = jax.lax.axis_index(fsdp)
  x_MD = gather(x_mD)
  labels_M = gather(labels_m) - own * table_vD.shape[0]
  # Each data group sees the same part of the table: its gradient is the sum over the groups.
  table_vD = jax.lax.pcast(table_vD, data, to="varying")
  bias_v = jax.lax.pcast(bias_v, data, to="varying")
  lse_M, label_M, best_M = vocabulary_lse(
    x_MD, labels_M, table_vD, bias_v, min(chunk, table_vD.shape[0])
  )

  def largest(a_M):
    return jax.lax.pmax(jax.lax.stop_gradient(a_M), fsdp)

  top_M = largest(lse_M)
  best_M = largest(best_M)
  lse_M = top_M + jnp.log(jax.lax.psum(jnp.exp(lse_M - top_M), fsdp))
  label_M = jax.lax.psum(label_M, fsdp)

  def mine(a_M):
    return jax.lax.dynamic_slice_in_dim(a_M, own * m, m)

  # The label's logit is summed in another order than the products: equal up to rounding.
  hit_M = label_M >= best_M - 1e-5 * jnp.maximum(1, jnp.abs(best_M))
  return mine(lse_M - label_M), mine(hit_M)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def vocabulary_lse(
  x_MD: jax.Array, labels_M: jax.Array, table_VD: jax.Array, bias_V: jax.Array, chunk: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """(log-sum-exp, label's logit, largest logit) of x @ table.T + bias, each [M], float32.

  The table is walked in chunks of rows with a running maximum and sum (Milakov and Gimelshein
  2018); the way back makes each chunk's logits again. A label outside [0, V) has the logit 0.
  Only the first two are differentiated.
  """
  return _forward(x_MD, labels_M, table_VD, bias_V, chunk)[0]


def _forward(x_MD, labels_M, table_VD, bias_V, chunk):
  M = x_MD.shape[0]

  def step(carry, place):
    top_M, sum_M = carry
    s_MC, _ = _logits(x_MD, table_VD, bias_V, place, chunk)
    new_M = jnp.maximum(top_M, s_MC.max(1))
    sum_M = sum_M * jnp.exp(top_M - new_M) + jnp.exp(s_MC - new_M[:, None]).sum(1)
    return (new_M, sum_M), None

  # Made of x, so that the carry varies over the devices as the logits do.
  zero_M = jnp.zeros((M,), jnp.float32) + 0 * x_MD[:, 0].astype(jnp.float32)
  (best_M, sum_M), _ = jax.lax.scan(step, (zero_M + NEVER, zero_M), _places(table_VD, chunk))
  lse_M = best_M + jnp.log(sum_M)
  inside_M, rows_M = _rows(labels_M, table_VD)
  rows_MD = table_VD[rows_M].astype(x_MD.dtype).astype(jnp.float32)
  label_M = (x_MD.astype(jnp.float32) * rows_MD).sum(1) + bias_V[rows_M]
  label_M = jnp.where(inside_M, label_M, 0)
  return (lse_M, label_M, best_M), (x_MD, labels_M, table_VD, bias_V, lse_M)


def _backward(chunk, kept, cotangents):
  x_MD, labels_M, table_VD, bias_V, lse_M = kept
  g_M, g_label_M, _ = cotangents
  put = jax.lax.dynamic_update_slice_in_dim

  def step(carry, place):
    dx_MD, dtable_VD, dbias_V = carry
    s_MC, rows_CD = _logits(x_MD, table_VD, bias_V, place, chunk)
    p_MC = jnp.exp(s_MC - lse_M[:, None]) * g_M[:, None]
    dbias_V = put(dbias_V, p_MC.sum(0), place[0], 0)
    p_MC = p_MC.astype(x_MD.dtype)
    dtable_VD = put(dtable_VD, _matmul(p_MC.T, x_MD), place[0], 0)
    return (dx_MD + _matmul(p_MC, rows_CD), dtable_VD, dbias_V), None

  zero = 0 * g_M[0]  # Made of an input, as above.
  carry = tuple(jnp.zeros(a.shape, jnp.float32) + zero for a in (x_MD, table_VD, bias_V))
  (dx_MD, dtable_VD, dbias_V), _ = jax.lax.scan(step, carry, _places(table_VD, chunk))
  inside_M, rows_M = _rows(labels_M, table_VD)
  g_label_M = jnp.where(inside_M, g_label_M, 0)
  dx_MD += g_label_M[:, None] * table_VD[rows_M].astype(x_MD.dtype).astype(jnp.float32)
  dtable_VD = dtable_VD.at[rows_M].add(g_label_M[:, None] * x_MD.astype(jnp.float32))
  dbias_V = dbias_V.at[rows_M].add(g_label_M)
  return dx_MD.astype(x_MD.dtype), None, dtable_VD.astype(table_VD.dtype), dbias_V


vocabulary_lse.defvjp(_forward, _backward)


def _places(table_VD, chunk):
  """(first row, first row not seen by another chunk) of each chunk.

  Where the chunk does not divide V, the last one overlaps its neighbour, and the shared rows count
  in the neighbour alone. The last one goes first: the way back then writes over its zeros there.
  """
  V = table_VD.shape[0]
  fresh = jnp.roll(jnp.arange(0, V, chunk), 1)
  return jnp.minimum(fresh, V - chunk), fresh


def _logits(x_MD, table_VD, bias_V, place, chunk):
  start, fresh = place
  rows_CD = jax.lax.dynamic_slice_in_dim(table_VD, start, chunk).astype(x_MD.dtype)
  bias_C = jax.lax.dynamic_slice_in_dim(bias_V, start, chunk)
  bias_C = jnp.where(start + jnp.arange(chunk) < fresh, NEVER, bias_C)
  return _matmul(x_MD, rows_CD.T) + bias_C, rows_CD


def _rows(labels_M, table_VD):
  inside_M = (labels_M >= 0) & (labels_M < table_VD.shape[0])
  return inside_M, jnp.where(inside_M, labels_M, 0)


def _matmul(a, b):
  precision = jax.lax.Precision.HIGHEST if a.dtype == jnp.float32 else None
  return jnp.matmul(a, b, precision=precision, preferred_element_type=jnp.float32)
