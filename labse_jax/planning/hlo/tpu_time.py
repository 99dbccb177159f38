"""Seconds of a TPU's kernels: by the compiler's own estimate of cycles, and by bytes."""

import re

from labse_jax.planning.chips import Chip
from labse_jax.planning.hlo.kernels import Price, Pricer
from labse_jax.planning.hlo.products import is_attention_kernel, kernel_flops
from labse_jax.planning.hlo.program import Executed, Program
from labse_jax.planning.hlo.traffic import ONLY_NAMES, bytes_of

CYCLES = re.compile(r'estimated_cycles":"(\d+)"')
# The compiler gives these no cycles, though they compute.
UNSEEN = ("custom-call", "sort")
# The cells along each side of a matrix unit; those of a v6e have more. A narrower head of attention
# leaves some idle: of its scores the rows, of its mixture the columns.
CELLS = 128


def pricer(chip: Chip) -> Pricer:
  """The price of an instruction on a chip: the longer one of its cycles and its bytes.

  A custom call (a kernel of Pallas, an eigendecomposition) or a sort has no cycles. It takes as
  long as its bytes, or, if it is attention, as its products at the peak, in which a head narrower
  than a matrix unit takes as long as one that fills it.
  """
  speed = chip.speed
  if speed is None or speed.clock is None or chip.peak is None:
    raise ValueError("Of this chip no clock is known.")
  clock = speed.clock
  peak = chip.peak

  def price(program: Program, executed: Executed) -> Price:
    instruction = executed.instruction
    memory = bytes_of(program, executed) / speed.memory
    cycles = CYCLES.search(instruction.rest)
    if cycles:
      return Price(max(int(cycles[1]) / clock, memory), memory, "compiler")
    if instruction.operation not in UNSEEN or instruction.target in ONLY_NAMES:
      return Price(memory, memory, "roofline")
    products = 0.0
    if is_attention_kernel(instruction):
      products = kernel_flops(executed, least_width=CELLS)
    return Price(max(products / peak, memory), memory, "own roofline")

  return price
