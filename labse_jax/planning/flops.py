"""Counts the matrix arithmetic of a traced function: XLA's own count sees a scanned layer once."""

import collections
from collections.abc import Sequence
import math
from typing import Any

import jax
from jax.extend import core

# The matrix products of a kernel of attention: scores and mixture. On the way back the scores come
# again, and the mixture and both factors of each have gradients: 5 in one kernel, or 4 and 3 in
# one for keys and values and one for queries.
FORWARD_PRODUCTS = 2
BACKWARD_PRODUCTS = (("dkv", 4), ("dq", 3), ("backward", 5), ("bwd", 5))


def matrix_flops(jaxpr: core.Jaxpr | core.ClosedJaxpr) -> dict[str, int]:
  """Floating-point operations of every matrix product, as {type of the operands: number}.

  A product of [M, K] and [K, N] is 2 M N K. Of two types it counts for the wider one; "float32
  highest" is a product that a TPU makes of several bfloat16 ones. A loop counts as often as it
  runs, a condition as its dearest branch, and what runs in `shard_map` once for each device. Of a
  kernel of attention (Pallas's, cuDNN's) the shapes count, by `attention_flops`.
  Raises NotImplementedError for matrix arithmetic in a loop whose length only the data know.
  """
  flops: collections.Counter[str] = collections.Counter()
  for eqn in getattr(jaxpr, "jaxpr", jaxpr).eqns:
    rule = _RULES.get(eqn.primitive.name, _inside)
    flops.update(rule(eqn))
  return dict(flops)


def attention_flops(
  name: str, operands: Sequence[tuple[Sequence[int], str]], *, least_width: int = 1
) -> int:
  """Operations of a kernel of attention, from its name and (shape, type) of each operand.

  Its queries are the first operand of floats with three or four axes: [H, L, K], [B, H, L, K] or
  [B, L, H, K]. A product takes 2 B H L L K, whatever the mask leaves out; the longer one of the
  axes before the last is the length. A narrower head K counts as `least_width`, which is for units
  that it does not fill. Returns 0 where no queries are found.
  """
  queries = next((dims for dims, of in operands if len(dims) in (3, 4) and "f" in of), None)
  if queries is None:
    return 0
  backward = [count for word, count in BACKWARD_PRODUCTS if word in name.lower()]
  products = backward[0] if backward else FORWARD_PRODUCTS
  *rows, head = queries
  return products * 2 * math.prod(rows) * max(head, least_width) * max(queries[-3:-1])


def arithmetic(flops: dict[str, int], devices: int, peak: float | None) -> dict[str, Any]:
  """What a step multiplies, in all and on each of its chips, for JSON; `peak` is in FLOP/s."""
  total = sum(flops.values())
  return {
    "flops_per_step": total,
    "flops_per_chip": total / devices,
    "flops_by_type": flops,
    "peak_flops_per_chip": peak,
    "seconds_at_peak": total / devices / peak if peak else None,
  }


def _dot_general(eqn):
  lhs, rhs = eqn.invars
  (_, contracted), (_, batch) = eqn.params["dimension_numbers"]
  # Each number of the left side meets every column of the right one.
  free = [n for d, n in enumerate(rhs.aval.shape) if d not in (*contracted, *batch)]
  return {_kind(eqn): 2 * math.prod(lhs.aval.shape) * math.prod(free)}


def _convolution(eqn):
  rhs = eqn.invars[1].aval
  kernel = eqn.params["dimension_numbers"].rhs_spec  # Of the output's channels, the input's, space.
  each = math.prod(rhs.shape) // rhs.shape[kernel[0]]
  return {_kind(eqn): 2 * math.prod(eqn.outvars[0].aval.shape) * each}


def _kind(eqn):
  dtype = max((v.aval.dtype for v in eqn.invars), key=lambda dtype: dtype.itemsize)
  precision = eqn.params["precision"]
  highest = precision is not None and jax.lax.Precision.DEFAULT not in precision
  return f"{dtype} highest" if highest and dtype == "float32" else str(dtype)


def _fused_attention(eqn):
  """A kernel of attention, by its name and shapes: the text of the kernel is of one block."""
  name = str(eqn.params.get("name") or eqn.primitive.name)
  flops = attention_flops(name, [(v.aval.shape, v.aval.dtype.name) for v in eqn.invars])
  if not flops:
    raise NotImplementedError(f"the matrix arithmetic of the kernel {name!r} is not known.")
  return {str(eqn.outvars[0].aval.dtype): flops}


def _scan(eqn):
  return _times(eqn.params["length"], matrix_flops(eqn.params["jaxpr"]))


def _while(eqn):
  if matrix_flops(eqn.params["cond_jaxpr"]) or matrix_flops(eqn.params["body_jaxpr"]):
    raise NotImplementedError("matrix arithmetic in a while loop: how often it runs is not known.")
  return {}


def _cond(eqn):
  return max(map(matrix_flops, eqn.params["branches"]), key=lambda flops: sum(flops.values()))


def _shard_map(eqn):
  params = eqn.params
  manual = params.get("newly_manual_axes", params.get("manual_axes"))  # JAX has used both names.
  devices = math.prod(params["mesh"].shape[axis] for axis in manual)
  return _times(devices, matrix_flops(params["jaxpr"]))


def _inside(eqn):
  flops: collections.Counter[str] = collections.Counter()
  for inner in core.jaxprs_in_params(eqn.params):
    flops.update(matrix_flops(inner))
  return flops


def _times(number, flops):
  return {kind: number * value for kind, value in flops.items()}


_RULES = {
  "pallas_call": _fused_attention,
  "dot_product_attention_fwd_wrapper": _fused_attention,
  "dot_product_attention_bwd_wrapper": _fused_attention,
  "dot_general": _dot_general,
  "conv_general_dilated": _convolution,
  "scan": _scan,
  "while": _while,
  "cond": _cond,
  "shard_map": _shard_map,
}
