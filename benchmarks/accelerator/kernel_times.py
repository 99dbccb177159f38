"""Lists where the time of a compiled program goes, by the estimates of plan; nothing is run.

python benchmarks/accelerator/kernel_times.py FILE.hlo "TPU v5 lite" [--top N]

The second argument is what JAX calls the chip, as NAME.json of block_aot.py has it.
"""

import argparse
import collections
import pathlib

from labse_jax.base.errors import known, run
from labse_jax.planning.chips import GPUS, TPUS
from labse_jax.planning.hlo.kernels import Kernel, kernels
from labse_jax.planning.hlo.program import Program
from labse_jax.planning.time_limit import PRICERS

CHIPS = {name: chip for name, chip in (TPUS | GPUS).items() if chip.speed}


def main(argv: list[str]) -> None:
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("file", type=pathlib.Path, help="the text of a compiled program")
  parser.add_argument("chip", help=f"one of {', '.join(CHIPS)}")
  parser.add_argument("--top", type=int, default=25, help="kernels that are listed (%(default)s)")
  args = parser.parse_args(argv)
  chip = CHIPS[known("chip", args.chip, CHIPS)]
  price = PRICERS["tpu" if args.chip in TPUS else "gpu"](chip)
  found = kernels(Program(args.file.read_text("utf-8")), price, chip.speed.link)
  totals = collections.Counter()
  for kernel in found:
    totals[kernel.category] += kernel.seconds
  for category, seconds in totals.most_common():
    print(f"{1e3 * seconds:10.2f} ms  {category}")
  print(f"{1e3 * totals.total():10.2f} ms  total\n")
  for kernel in sorted(found, key=lambda kernel: -kernel.seconds)[: args.top]:
    print(line_of(kernel))


def line_of(kernel: Kernel) -> str:
  instruction = kernel.executed.instruction
  return (
    f"{1e3 * kernel.seconds:8.2f} ms x{kernel.executed.times:<4d} {kernel.category:11s} "
    f"{kernel.basis:12s} {instruction.name[:46]:46s} {instruction.type[:70]:70s} "
    f"{instruction.op_name[-110:]}"
  )


if __name__ == "__main__":
  run(main)
