"""Compiles one step of the encoder for one TPU chip that need not be there.

python benchmarks/accelerator/block_aot.py NAME ROWS LENGTH [--topology v5e:2x2]

It needs the TPU compiler, libtpu. Memory and arithmetic go to OUTPUT/NAME.json, the program to
OUTPUT/NAME.hlo, which hlo_time.py reads.
"""

import encoder_step

from labse_jax.base.errors import run
from labse_jax.planning.chips import chip
from labse_jax.planning.compilation import devices_of


def main(argv: list[str]) -> None:
  parser = encoder_step.parser(__doc__)
  parser.add_argument("--topology", default="v5e:2x2", help="a TPU slice (%(default)s)")
  args = parser.parse_args(argv)
  devices = devices_of(args.topology)
  known_chip = chip(devices)
  encoder_step.compile_and_write(args, devices[0], known_chip and known_chip.peak)


if __name__ == "__main__":
  run(main)
