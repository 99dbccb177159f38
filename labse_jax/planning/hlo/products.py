"""Matrix arithmetic of a program's instructions, where the text shows it."""

import math
import re

from labse_jax.planning.flops import attention_flops
from labse_jax.planning.hlo.program import Executed, Program
from labse_jax.planning.hlo.text import Computation, Instruction, integers

LIBRARY = ("gemm", "matmul")  # In the names of cuBLAS's custom calls.
PRODUCTS = {"dot", "convolution"}
ATTENTION_KERNELS = re.compile(r"fmha|flash|splash", re.IGNORECASE)


def has_product(program: Program, instruction: Instruction) -> bool:
  """Whether an instruction, or one inside its fusion, is a matrix product."""
  return any(
    one.operation in PRODUCTS or any(word in one.target for word in LIBRARY)
    for one in program.within(instruction)
  )


def products_of(program: Program, executed: Executed) -> dict[str, float]:
  """{type of the left factor: operations of the matrix products} of one execution on a GPU."""
  return _products_of(program, executed.instruction, executed.computation)


def _products_of(
  program: Program, instruction: Instruction, computation: Computation
) -> dict[str, float]:
  if instruction.operation == "dot":
    contracted = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", instruction.rest)
    return _one_product(instruction, computation, contracted)
  if any(word in instruction.target for word in LIBRARY):
    contracted = re.search(r'"lhs_contracting_dimensions":\["?([\d",]*)"?\]', instruction.rest)
    return _one_product(instruction, computation, contracted)
  total: dict[str, float] = {}
  fused = program.fused(instruction)
  for inner in fused.values():
    for dtype, flops in _products_of(program, inner, fused).items():
      total[dtype] = total.get(dtype, 0.0) + flops
  return total


def _one_product(
  instruction: Instruction, computation: Computation, contracted: re.Match[str] | None
) -> dict[str, float]:
  left = computation.get(instruction.operands[0]) if instruction.operands else None
  if left is None or contracted is None:
    return {}
  of_left = left.arrays[0]
  each = math.prod(of_left.dims[axis] for axis in integers(contracted[1].replace('"', "")))
  return {of_left.dtype: 2.0 * math.prod(instruction.arrays[0].dims) * each}


def is_attention_kernel(instruction: Instruction) -> bool:
  """Whether a custom call is a fused attention: cuDNN's, or Pallas's flash or splash."""
  if instruction.operation != "custom-call":
    return False
  return bool(
    ATTENTION_KERNELS.search(instruction.target) or ATTENTION_KERNELS.search(instruction.op_name)
  )


def kernel_flops(executed: Executed, *, least_width: int = 1) -> float:
  """Operations of a fused attention kernel, from the shapes of its operands.

  A head counts as `least_width` at least, for units that a narrower one does not fill.
  """
  instruction = executed.instruction
  operands = [executed.computation.get(name) for name in instruction.operands]
  arrays = [one.arrays[0] for one in operands if one is not None and one.arrays]
  name = f"{instruction.target} {instruction.op_name}"
  shapes = [(one.dims, one.dtype) for one in arrays]
  return float(attention_flops(name, shapes, least_width=least_width))
