"""How long a step takes at least, by what its compiled program does, and the MFU at that speed."""

import collections
from typing import Any

from labse_jax.planning.chips import Chip
from labse_jax.planning.hlo import gpu_time, tpu_time
from labse_jax.planning.hlo.kernels import CATEGORIES, Kernel, kernels
from labse_jax.planning.hlo.program import Program
from labse_jax.planning.hlo.text import Instruction
from labse_jax.planning.hlo.traffic import bytes_of

PRICERS = {"tpu": tpu_time.pricer, "gpu": gpu_time.pricer}
MOST_LISTED = 10


def time_limit(
  program: Program | None, chip: Chip | None, platform: str, useful_flops: float
) -> dict[str, Any]:
  """The limit of a step's seconds and of its MFU, and where the seconds go; for JSON.

  `useful_flops` are those of a chip in a step. `memory_traffic` are the bytes that a chip reads
  from its main memory and writes to it, those of collectives not counted. All is None where the
  compiler refused the program, or where of the chip or of this machine's processor no speed is
  known.
  """
  speed = chip.speed if chip else None
  if program is None or chip is None or speed is None or chip.peak is None:
    names = ("step_seconds_limit", "mfu_limit", "limit_by_category", "limit_by_basis")
    more = ("memory_traffic", "own_rooflines", "kernels_in_loops_of_unknown_length", "speed_source")
    return dict.fromkeys((*names, *more))
  found = kernels(program, PRICERS[platform](chip), speed.link)
  seconds = sum(kernel.seconds for kernel in found)
  by_category = dict.fromkeys(CATEGORIES, 0.0)
  by_basis: dict[str, float] = collections.defaultdict(float)
  for kernel in found:
    by_category[kernel.category] += kernel.seconds
    by_basis[kernel.basis] += kernel.seconds
  return {
    "step_seconds_limit": seconds,
    "mfu_limit": useful_flops / (seconds * chip.peak),
    "limit_by_category": by_category,
    "limit_by_basis": dict(by_basis),
    "memory_traffic": sum(one.times * bytes_of(program, one) for one in program.executed),
    "own_rooflines": _own_rooflines(found),
    "kernels_in_loops_of_unknown_length": sum(not one.executed.known for one in found),
    "speed_source": speed.source,
  }


def _own_rooflines(found: list[Kernel]) -> list[dict[str, Any]]:
  """The kernels that neither the compiler nor the usual roofline knows, alike ones as one."""
  rows: dict[tuple[str, str], dict[str, Any]] = {}
  for kernel in found:
    if kernel.basis != "own roofline":
      continue
    name = _name_of(kernel.executed.instruction)
    empty = {"kernel": name, "category": kernel.category, "times": 0, "seconds": 0.0}
    row = rows.setdefault((name, kernel.category), empty)
    row["times"] += kernel.executed.times
    row["seconds"] += kernel.seconds
  return sorted(rows.values(), key=lambda row: -row["seconds"])[:MOST_LISTED]


def _name_of(instruction: Instruction) -> str:
  """The name of a kernel: what a custom call calls, or the operation."""
  name = instruction.target or instruction.operation
  if name != "tpu_custom_call":
    return name
  # All kernels of Pallas have this target. Their own name stands before their last scope.
  return instruction.op_name.removesuffix("/pallas_call").rpartition("/")[2] or name
