"""Estimates where the time of a program goes that was compiled for a TPU; nothing is run.

python benchmarks/accelerator/hlo_time.py FILE.hlo CHIP [--top N]

Per instruction: the compiler's own estimate of its cycles, the bytes that it moves to and from the
main memory (padded tiles; what lies in the chip's own memory is free), and its products. Loops
count as often as they turn. `max` is the larger one of the first two for each instruction, added
up: it takes for granted that no two run at the same time. What is sent between chips is not
counted, and a kernel of Pallas or a sort has no estimate of cycles.
"""

import argparse
import collections
from collections.abc import Iterator
import dataclasses
import math
import pathlib
import re

from hlo_bytes import bytes_of
from hlo_text import Computation, Executed, Instruction, Program, ints, parse

from labse_jax.base.errors import known, run
from labse_jax.planning.chips import TPUS


@dataclasses.dataclass(frozen=True)
class Speed:
  """Of one JAX device: cycles a second, bytes a second of the main memory, its name in TPUS."""

  clock: float
  bandwidth: float
  kind: str


# The clocks of v3 and v4 are published, the others are rounded guesses; all bandwidths are
# published. A v3 chip has two devices, which share its bandwidth.
SPEEDS = {
  "v3": Speed(0.94e9, 450e9, "TPU v3"),
  "v4": Speed(1.05e9, 1_228e9, "TPU v4"),
  "v5e": Speed(1.5e9, 819e9, "TPU v5 lite"),
  "v5p": Speed(1.75e9, 2_765e9, "TPU v5"),
  "v6e": Speed(1.75e9, 1_640e9, "TPU v6 lite"),
}
COLLECTIVES = ("all-", "async", "collective", "reduce-scatter")
RANDOM = ("bernoulli", "random_bits", "rng", "threefry")
WEIGHTS = ("/down/", "/up/", "attention_out", "query_key_value")
ATTENTION = ("bhlk", "bhlm", "bhmk", "bhml", "blhk")  # Of the einsums' subscripts.


@dataclasses.dataclass(frozen=True)
class Cost:
  """Seconds of one instruction, all its executions together, by each of the three limits."""

  executed: Executed
  category: str
  cycles: float
  memory: float
  products: float

  @property
  def longer(self) -> float:
    return max(self.cycles, self.memory)


def main(argv: list[str]) -> None:
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("file", type=pathlib.Path, help="the text of a compiled program")
  parser.add_argument("chip", help=f"one of {', '.join(SPEEDS)}")
  parser.add_argument(
    "--top", type=int, default=25, help="instructions that are listed (%(default)s)"
  )
  args = parser.parse_args(argv)
  speed = SPEEDS[known("chip", args.chip, SPEEDS)]
  costs = list(costs_of(parse(args.file.read_text("utf-8")), speed))
  print("\n".join(totals(costs)))
  print()
  longest = sorted(costs, key=lambda cost: cost.longer, reverse=True)
  for cost in longest[: args.top]:
    print(line_of(cost))


def costs_of(program: Program, speed: Speed) -> Iterator[Cost]:
  peak = TPUS[speed.kind].peak
  for executed in program.executed():
    instruction = executed.instruction
    cycles = re.search(r'estimated_cycles":"(\d+)"', instruction.rest)
    flops = flops_of(program, executed)
    yield Cost(
      executed,
      category_of(instruction, flops),
      cycles=executed.times * (int(cycles[1]) if cycles else 0) / speed.clock,
      memory=executed.times * bytes_of(program, executed) / speed.bandwidth,
      products=executed.times * flops / peak,
    )


def flops_of(program: Program, executed: Executed) -> float:
  """Floating-point operations of the matrix products in one execution."""
  instruction = executed.instruction
  if instruction.operation == "convolution":
    return convolution_flops(instruction, executed.computation)
  return fused_flops(program, program.fused(instruction))


def fused_flops(program: Program, fused: Computation | None) -> float:
  """The same of a fusion, and of the fusions inside it."""
  total = 0.0
  for instruction in (fused or {}).values():
    if instruction.operation == "convolution":
      total += convolution_flops(instruction, fused)
    else:
      total += fused_flops(program, program.fused(instruction))
  return total


def convolution_flops(instruction: Instruction, computation: Computation) -> float:
  """XLA writes every product for a TPU as a convolution; a batched one's batch is its window."""
  kernel = computation.get(instruction.operands[1])
  labels = re.search(r"dim_labels=[\w?]+_([\w?]+)->", instruction.rest)
  if kernel is None or labels is None:
    return 0.0
  each = kernel.arrays[0].dims[labels[1].index("i")]
  for size in summed_window(instruction.rest):
    each *= size
  return 2 * math.prod(instruction.arrays[0].dims) * each


def summed_window(rest: str) -> Iterator[int]:
  """The sizes of the window along those of its axes over which products are added up."""
  window = re.search(r"window=\{size=([\dx]+)([^}]*)\}", rest)
  if not window:
    return
  sizes = ints(window[1].replace("x", ","))
  dilation = window_numbers(window[2], "lhs_dilate")
  stride = window_numbers(window[2], "stride")
  for axis, size in enumerate(sizes):
    # Along a batch, dilation and stride let each place of the window meet but one of the input's.
    by_dilation = dilation and dilation[axis] == size
    by_stride = stride and dilation and stride[axis] == size - 1
    if size == 1 or not (by_dilation or by_stride):
      yield size


def window_numbers(text: str, name: str) -> list[int]:
  found = re.search(rf"{name}=([\dx]+)", text)
  return ints(found[1].replace("x", ",")) if found else []


def category_of(instruction: Instruction, flops: float) -> str:
  """What an instruction is for, by where in the model it comes from."""
  operation = instruction.operation
  origin = instruction.op_name
  if operation.startswith(COLLECTIVES):
    return "collective"
  if any(word in origin for word in RANDOM) or "shift" in origin.split("/")[-1]:
    return "dropout"
  if flops or "convolution" in instruction.name:
    return product_category(origin)
  if operation in ("copy", "copy-start", "transpose") or instruction.name.startswith("copy"):
    return "copy, transpose"
  in_layer = "blocks" in origin
  if "softmax" in origin or "reduce_max" in origin:
    return "softmax"
  if "_norm" in origin:
    return "layer norm"
  if in_layer and "reduce_sum" in origin:
    return "softmax"
  return "layer, other" if in_layer else "other"


def product_category(origin: str) -> str:
  if any(word in origin for word in WEIGHTS):
    return "product, weights"
  if any(word in origin for word in ATTENTION):
    return "product, attention"
  return "product, other"


def totals(costs: list[Cost]) -> Iterator[str]:
  """The lines of a table: milliseconds by category, the longest first."""
  groups = collections.defaultdict(list)
  for cost in costs:
    groups[cost.category].append(cost)
  yield f"{'ms':20s} {'cycles':>10s} {'memory':>10s} {'products':>10s} {'max':>10s}"
  for name in sorted(groups, key=lambda name: -sum(cost.longer for cost in groups[name])):
    yield total_line(name, groups[name])
  yield total_line("total", costs)


def total_line(name: str, costs: list[Cost]) -> str:
  columns = [
    sum(cost.cycles for cost in costs),
    sum(cost.memory for cost in costs),
    sum(cost.products for cost in costs),
    sum(cost.longer for cost in costs),
  ]
  return f"{name:20s} " + " ".join(f"{1e3 * seconds:10.2f}" for seconds in columns)


def line_of(cost: Cost) -> str:
  instruction = cost.executed.instruction
  return (
    f"{1e3 * cost.cycles:8.2f} {1e3 * cost.memory:8.2f} {1e3 * cost.products:8.2f} ms "
    f"x{cost.executed.times:<4d} {cost.category:18s} {instruction.name[:46]:46s} "
    f"{instruction.type[:70]:70s} {instruction.op_name[-110:]}"
  )


if __name__ == "__main__":
  run(main)
