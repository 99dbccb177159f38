"""Estimates where the time of a program goes that was compiled for an H100; nothing is run.

python benchmarks/accelerator/gpu_time.py FILE.hlo [--top N]

Each fusion and each library call is a kernel. It takes as long as its bytes at the speed of a copy,
or its products at the speed of a matrix product, whichever is longer, and the time of a start. The
speeds are those that such a card reaches, not its data sheet's; the kit's section `ceilings`
measures them. Of cuDNN's attention only the bytes count, since its products do not show.
"""

import argparse
import collections
from collections.abc import Iterator
import dataclasses
import math
import pathlib
import re

from hlo_bytes import bytes_of, int8_scratch
from hlo_text import Computation, Executed, Instruction, Program, ints, parse

from labse_jax.base.errors import run

BANDWIDTH = 3.0e12  # Bytes a second.
PRODUCTS = 700e12  # Operations a second in bfloat16.
FLOAT32_PRODUCTS = 52e12  # In float32 proper, without TF32.
START = 2.5e-6  # Seconds.
LIBRARY = ("gemm", "matmul")
ATTENTION = ("bhlk", "bhlm", "bhmk", "blhk", "bmhk")  # Of the einsums' subscripts.
SOFTMAX = re.compile(r"softmax|reduce_max|/sub$|/exp|bhlm|random|threefry|bernoulli|where|select_n")


@dataclasses.dataclass(frozen=True)
class Kernel:
  """One kernel: its bytes and operations in one run of it, and seconds of all its runs."""

  executed: Executed
  category: str
  bytes: float
  flops: float
  seconds: float


def main(argv: list[str]) -> None:
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("file", type=pathlib.Path, help="the text of a compiled program")
  parser.add_argument("--top", type=int, default=0, help="kernels that are listed (%(default)s)")
  args = parser.parse_args(argv)
  kernels = list(kernels_of(parse(args.file.read_text("utf-8"))))
  print("\n".join(totals(kernels)))
  longest = sorted(kernels, key=lambda kernel: kernel.seconds, reverse=True)
  for kernel in longest[: args.top]:
    print(line_of(kernel))


def kernels_of(program: Program) -> Iterator[Kernel]:
  for executed in program.executed(commands=True):
    instruction = executed.instruction
    size = bytes_of(program, executed)
    if instruction.operation == "custom-call":
      size -= int8_scratch(instruction)
    flops, is_float32 = products_of(program, instruction, executed.computation)
    products = flops / (FLOAT32_PRODUCTS if is_float32 else PRODUCTS)
    seconds = max(size / BANDWIDTH, products) + START
    category = category_of(instruction, flops)
    yield Kernel(executed, category, size, flops, executed.times * seconds)


def products_of(
  program: Program, instruction: Instruction, computation: Computation
) -> tuple[float, bool]:
  """(operations of an instruction's matrix products, whether any of them is in float32)."""
  if instruction.operation == "dot":
    contracted = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", instruction.rest)
    return one_product(instruction, computation, contracted)
  if any(word in instruction.rest[:400] for word in LIBRARY):
    contracted = re.search(r'"lhs_contracting_dimensions":\["?([\d",]*)"?\]', instruction.rest)
    return one_product(instruction, computation, contracted)
  fused = program.fused(instruction)
  found = [products_of(program, inner, fused) for inner in (fused or {}).values()]
  return sum(flops for flops, _ in found), any(is_float32 for _, is_float32 in found)


def one_product(
  instruction: Instruction, computation: Computation, contracted: re.Match | None
) -> tuple[float, bool]:
  left = computation.get(instruction.operands[0]) if instruction.operands else None
  if left is None or contracted is None:
    return 0.0, False
  of_left = left.arrays[0]
  each = math.prod(of_left.dims[axis] for axis in ints(contracted[1].replace('"', "")))
  return 2 * math.prod(instruction.arrays[0].dims) * each, of_left.dtype == "f32"


def category_of(instruction: Instruction, flops: float) -> str:
  """What a kernel is for, by where in the model it comes from."""
  origin = instruction.op_name
  if flops:
    is_attention = any(word in origin for word in ATTENTION)
    return "product, attention" if is_attention else "product"
  if SOFTMAX.search(origin):
    return "softmax, dropout"
  if "copy" in instruction.name or "transpose" in instruction.name:
    return "copy, transpose"
  return "other"


def totals(kernels: list[Kernel]) -> Iterator[str]:
  """The lines of a table by category, the longest first."""
  groups = collections.defaultdict(list)
  for kernel in kernels:
    groups[kernel.category].append(kernel)
  for name in sorted(groups, key=lambda name: -sum(kernel.seconds for kernel in groups[name])):
    yield total_line(name, groups[name])
  yield total_line("total", kernels)


def total_line(name: str, kernels: list[Kernel]) -> str:
  seconds = sum(kernel.seconds for kernel in kernels)
  size = sum(kernel.executed.times * kernel.bytes for kernel in kernels)
  flops = sum(kernel.executed.times * kernel.flops for kernel in kernels)
  count = sum(kernel.executed.times for kernel in kernels)
  return (
    f"{name:20s} {1e3 * seconds:8.2f} ms {size / 1e9:8.2f} GB {flops / 1e12:7.2f} TFLOP "
    f"{count:6d} kernels"
  )


def line_of(kernel: Kernel) -> str:
  instruction = kernel.executed.instruction
  return (
    f"{1e3 * kernel.seconds:7.2f} ms x{kernel.executed.times:<3d} {kernel.bytes / 1e6:9.1f} MB "
    f"{kernel.flops / 1e9:8.1f} GFLOP {instruction.name[:44]:44s} {instruction.type[:80]:80s} "
    f"{instruction.op_name[-90:]}"
  )


if __name__ == "__main__":
  run(main)
