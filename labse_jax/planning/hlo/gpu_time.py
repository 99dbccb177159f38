"""Seconds of a GPU's kernels by a roofline: bytes, matrix products, and the start of each."""

from labse_jax.planning.chips import Chip
from labse_jax.planning.hlo.kernels import Price, Pricer
from labse_jax.planning.hlo.products import is_attention_kernel, kernel_flops, products_of
from labse_jax.planning.hlo.program import Executed, Program
from labse_jax.planning.hlo.traffic import bytes_of


def pricer(chip: Chip) -> Pricer:
  """The price of a kernel on a GPU: its bytes or its products, the longer one, and its start.

  Each fusion and each library call is a kernel. Into cuDNN's attention, a solver or a sort the text
  gives no view. They take as long as their bytes, and attention as its products by its shapes.
  """
  speed = chip.speed
  if speed is None or not speed.products:
    raise ValueError("Of this GPU no speed is known.")
  # Of a type that has no speed of its own, such as float64, the slowest one is too good.
  slowest = min(speed.products.values())

  def price(program: Program, executed: Executed) -> Price:
    instruction = executed.instruction
    memory = bytes_of(program, executed) / speed.memory
    found = products_of(program, executed)
    basis = "roofline"
    if not found and instruction.operation in ("custom-call", "sort"):
      basis = "own roofline"
      if is_attention_kernel(instruction):
        found = {"bf16": kernel_flops(executed)}
    seconds = 0.0
    for dtype, flops in found.items():
      seconds += flops / speed.products.get(dtype, slowest)
    return Price(max(memory, seconds) + speed.start, memory, basis)

  return price
