"""What the command plan may be told, and its words."""

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError
from labse_jax.configs.command_line import config_command
from labse_jax.planning import gpu_target
from labse_jax.planning.slices import slice_of

DESCRIPTION = """Compiles the very train step of an experiment for a TPU slice or for GPUs, on a
machine without them, and says what each chip (one JAX device) needs: memory by kind and whether it
fits, matrix arithmetic, the least time of a step and what it goes to, what is sent by each kind of
collective, and the largest batch that fits. Neither the data nor the tokenizer has to be there. Of
several stages it is the last, which has all layers. It is an estimate: nothing is run.

  labse-jax plan --config experiments/quickstart.py --topology v3:4x4

A slice needs the TPU compiler: pip install 'labse_jax[plan]'. GPUs need that of CUDA:
pip install 'labse_jax[plan-cuda]'."""
EPILOG = """The output holds fits, bytes_per_chip, bytes_used_per_chip, memory, flops_per_step (all
chips) and flops_per_chip, step_seconds_limit, mfu_limit, limit_by_category, collective_bytes (sent
by a chip in a step), largest_collectives, largest_batch, program (a hash of what was compiled) and
more."""
TOPOLOGY = """a slice, such as v3:4x4, v4:2x2x2, v5e:4x8, v5p:2x2x2, v6e:4x4 (chips along each axis;
of a v2 or v3 chip each of the two cores is a JAX device); h100 or h200, of which h100:8 are eight
in one machine; or local: the devices of this machine"""
SCALE = """also compiles for so many chips of the same kind, with the same rows a chip, and says
whether what a chip needs and sends stays the same within 5 %%; for instance 8,64,512"""


def parser() -> Command:
  """The parser of a config and of what plan asks besides."""
  made = config_command("plan", DESCRIPTION, epilog=EPILOG)
  add = made.add
  add("--topology", default="local", metavar="CHIPS", help=TOPOLOGY)
  add("--scale", metavar="N,N,...", help=SCALE)
  add("--output", metavar="FILE.json", help="also write all of it as JSON")
  search = "leave out the search for the largest batch, which compiles up to 6 times more"
  add("--no-search", action="store_true", help=search)
  return made


def scale_of(topology: str, text: str | None) -> list[str]:
  """The topologies that --scale stands for: of the same kind, with so many devices each."""
  if not text:
    return []
  numbers = text.split(",")
  if len(numbers) < 2 or not all(number.isdigit() and int(number) for number in numbers):
    raise InputError(f"--scale {text}: two or more numbers of chips are needed, as in 8,64,512.")
  if topology == "local":
    raise InputError("--scale needs a --topology, which says of which kind the chips are.")
  kind = topology.partition(":")[0]
  if gpu_target.is_gpu(topology):
    return [f"{kind}:{number}" for number in numbers]
  return [slice_of(kind, int(number)) for number in numbers]
