"""One step, compiled for chips that need not be there."""

import dataclasses
import importlib.metadata
import importlib.util
import math
import os
import re
from typing import Any, Protocol

import jax
from jax.experimental import topologies

from labse_jax.base.errors import InputError, nearest
from labse_jax.planning import gpu_target
from labse_jax.planning.slices import KINDS, misfit

LIBTPU = {  # Answers what libtpu would ask a TPU machine, and keeps it from complaining of none.
  "TPU_SKIP_MDS_QUERY": "1",
  "TPU_ACCELERATOR_TYPE": "v3-8",
  "TPU_WORKER_HOSTNAMES": "localhost",
  "TPU_MIN_LOG_LEVEL": "3",
  "TPU_STDERR_LOG_LEVEL": "3",
  "TPU_LOG_DIR": "disabled",
  "ALLOW_MULTIPLE_LIBTPU_LOAD": "true",
}
CUDA_COMPILER = "jax-cuda13-pjrt"
KNOWN = (
  f"Choose a slice of {', '.join(KINDS)}, such as v3:4x4, v4:2x2x2, v5e:4x8, v5p:2x2x4 or v6e:4x4; "
  f"GPUs, {' or '.join(gpu_target.TARGETS)}, of which h100:8 are eight; or local."
)
# How the TPU compiler refuses: it says what the step takes with its arguments, or without.
REFUSED_IN_ALL = re.compile(r"Used ([\d.]+[KMGT]?) of [\d.]+[KMGT]? hbm")
REFUSED_TEMPORARIES = re.compile(r"HLO temporaries \(([\d.]+[KMGT]?)\) exceeds available HBM")


@dataclasses.dataclass(frozen=True)
class Compiled:
  """One compiled step: bytes a chip by kind and in all, and the program's text.

  Of a step that the compiler refused, `refused` is what it said, and there is no text.
  """

  memory: dict[str, int]
  used: int
  refused: str | None
  text: str | None


class MemoryStats(Protocol):
  """What JAX says of a compiled program's memory, in bytes."""

  argument_size_in_bytes: int
  output_size_in_bytes: int
  alias_size_in_bytes: int
  temp_size_in_bytes: int
  peak_memory_in_bytes: int
  generated_code_size_in_bytes: int


def devices_of(topology: str) -> list[jax.Device]:
  """This machine's devices, or those of GPUs or a TPU slice that need not exist."""
  if topology == "local":
    return jax.devices()
  kind = topology.partition(":")[0]
  if kind not in KINDS and not gpu_target.is_gpu(topology):
    hint = nearest(kind, [*KINDS, *gpu_target.TARGETS, "local"])
    raise InputError(f"--topology {topology}: unknown{hint or '.'} {KNOWN}")
  jax.config.update("jax_platforms", "cpu")  # A chip that is there stays free for others.
  if gpu_target.is_gpu(topology):
    return gpu_target.gpus_of(topology)
  return _slice(topology)


def _slice(topology: str) -> list[jax.Device]:
  wrong = misfit(topology)
  if wrong:
    raise InputError(f"--topology {topology}: {wrong} {KNOWN}")
  if importlib.util.find_spec("libtpu") is None:
    raise InputError(
      f"--topology {topology} needs the TPU compiler: pip install 'labse_jax[plan]'."
    )
  for name, value in LIBTPU.items():
    os.environ.setdefault(name, value)
  # As on a TPU VM: both cores of a v4 chip are one device, which libtpu does not do by itself.
  options = {"chip_config_name": "megacore"} if topology.startswith("v4") else {}
  try:
    return list(topologies.get_topology_desc(topology, platform="tpu", **options).devices)
  except (RuntimeError, ValueError, NotImplementedError) as error:
    said = str(error).removeprefix("INVALID_ARGUMENT: ").rstrip(".")
    raise InputError(f"--topology {topology}: {said}. {KNOWN}") from error


def compiler_options(topology: str) -> dict[str, str | bool]:
  """What the compiler must be told to compile for a topology."""
  return gpu_target.compiler_options(topology) if gpu_target.is_gpu(topology) else {}


def compiled_of(
  traced: jax.stages.Traced, held: dict[str, int], mesh: jax.sharding.Mesh, topology: str
) -> Compiled:
  """Compiles a traced step; `held` are the bytes of its arguments by kind.

  A step that is too large is an answer, not an error.
  """
  with jax.set_mesh(mesh):
    try:
      compiled = traced.lower().compile(compiler_options=compiler_options(topology))
    except jax.errors.JaxRuntimeError as error:
      refused = refusal(str(error), held)
      if refused is None:
        raise
      return refused
  memory = memory_by_kind(compiled.memory_analysis(), held, mesh.devices.flat[0].platform)
  return Compiled(memory, sum(memory.values()), None, compiled.as_text())


def memory_by_kind(stats: MemoryStats, held: dict[str, int], platform: str) -> dict[str, int]:
  """Bytes a chip by kind.

  `held` are the bytes of the step's arguments by kind. For a TPU the temporaries are those at the
  step's peak, by which the compiler refuses. It also gives their sum, but that may be larger than
  the memory even of a step that it accepts.
  """
  outputs = stats.output_size_in_bytes - stats.alias_size_in_bytes
  temporaries = stats.temp_size_in_bytes
  if platform == "tpu":
    temporaries = stats.peak_memory_in_bytes - stats.argument_size_in_bytes - outputs
  return held | {
    "padding": stats.argument_size_in_bytes - sum(held.values()),
    "outputs": outputs,
    "temporaries": temporaries,
    "program": stats.generated_code_size_in_bytes,
  }


def refusal(message: str, held: dict[str, int]) -> Compiled | None:
  """The Compiled of a step that the TPU compiler refused for its memory; None for another error."""
  arguments = sum(held.values())
  in_all = REFUSED_IN_ALL.search(message)
  temporaries = REFUSED_TEMPORARIES.search(message)
  if in_all:
    used = _number(in_all[1])
  elif temporaries:
    used = arguments + _number(temporaries[1])
  else:
    return None
  said = message.removeprefix("RESOURCE_EXHAUSTED: ").splitlines()[0]
  return Compiled(held | {"temporaries": used - arguments}, used, said, None)


def _number(text: str) -> int:
  """Bytes from "512.50M" or "640"."""
  units = "KMGT"
  number = float(text.rstrip(units))
  if text[-1] in units:
    number *= 1024 ** (1 + units.index(text[-1]))
  return round(number)


def tree_bytes(tree: Any) -> int:
  """Bytes of a tree of sharded shapes on one device."""
  total = 0
  for leaf in jax.tree.leaves(tree):
    shape = leaf.sharding.shard_shape(leaf.shape)
    total += math.prod(shape) * leaf.dtype.itemsize
  return total


def versions() -> dict[str, str | None]:
  """The versions of JAX and of its compilers; None for what is not installed."""
  found: dict[str, str | None] = {}
  for name in ("jax", "jaxlib", "libtpu", CUDA_COMPILER):
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      found[name] = None
  return found
