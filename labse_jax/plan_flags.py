"""What the command plan may be told, and its words."""

from collections.abc import Sequence
import copy
import typing
from typing import Any

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.base.types import Config
from labse_jax.configs.command_line import config_command
from labse_jax.configs.ranges import check_ranges
from labse_jax.planning import gpu_target
from labse_jax.planning.slices import slice_of

if typing.TYPE_CHECKING:
  import jax

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
by a chip in a step), largest_collectives, largest_batch, program (a hash of what was compiled),
attention, remat and unroll (what became of "auto") and more."""
TOPOLOGY = """a slice, such as v3:4x4, v4:2x2x2, v5e:4x8, v5p:2x2x2, v6e:4x4 (chips along each axis;
of a v2 or v3 chip each of the two cores is a JAX device); h100 or h200, of which h100:8 are eight
in one machine; or local: the devices of this machine"""
SCALE = """also compiles for so many JAX devices of the same kind (rising numbers, such as
8,64,512), with the same rows on each, and says whether what one needs and sends stays the same
within 5 %%"""


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
  """The topologies that --scale stands for: of the same kind, with so many JAX devices each."""
  if text is None:
    return []
  numbers = [int(number) for number in text.split(",") if number.isdecimal()]
  rising = numbers == sorted(set(numbers)) and min(numbers, default=0) > 0
  if len(numbers) < 2 or len(numbers) < len(text.split(",")) or not rising:
    raise InputError(
      f"--scale {text}: two or more rising numbers of JAX devices are needed, as in 8,64,512."
    )
  if topology == "local":
    raise InputError("--scale needs a --topology, which says of which kind the chips are.")
  kind = topology.partition(":")[0]
  if not gpu_target.is_gpu(topology):
    return [slice_of(kind, number) for number in numbers]
  if numbers[-1] > gpu_target.MOST:
    raise InputError(
      f"--scale {text}: one machine holds at most {gpu_target.MOST} GPUs; several machines are not "
      "planned."
    )
  return [f"{kind}:{number}" for number in numbers]


def check_scale(
  config: Config, rows: int, scale: Sequence[tuple[str, "Sequence[jax.Device]"]]
) -> None:
  """Raises where a step with `rows` rows a chip cannot be made for one of (topology, devices)."""
  for topology, devices in scale:
    try:
      mesh = make_mesh(config.mesh.fsdp, devices=devices)
      check_ranges(with_fields(config, batch_rows=rows * mesh.size), mesh)
    except InputError as error:
      raise InputError(f"--scale, {topology}: {error}") from error


def with_fields(config: Config, **fields: Any) -> Config:
  """The config with other values of these fields."""
  changed = copy.deepcopy(config)
  with changed.unlocked():
    changed.update(fields)
  return changed
