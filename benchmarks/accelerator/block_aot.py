"""Compiles one step of the encoder for one chip that need not be there.

python benchmarks/accelerator/block_aot.py NAME ROWS LENGTH [--topology v5e:2x2]

A TPU needs the TPU compiler, libtpu; `--topology h100` needs CUDA's compiler (the extra plan-cuda).
Memory, arithmetic and the least time go to OUTPUT/NAME.json, the program to OUTPUT/NAME.hlo, which
kernel_times.py reads.
"""

import encoder_step

from labse_jax.base.errors import run


def main(argv: list[str]) -> None:
  parser = encoder_step.parser(__doc__)
  parser.add_argument("--topology", default="v5e:2x2", help="a TPU slice, or h100 (%(default)s)")
  encoder_step.compile_and_write(parser.parse_args(argv))


if __name__ == "__main__":
  run(main)
