"""One step, compiled for chips that need not be there."""

import dataclasses
import importlib.util
import math
import os
import re

import jax
from jax.experimental import topologies

from labse_jax.base.errors import InputError

LIBTPU = {  # What libtpu would ask a TPU machine, or say about there being none.
  "TPU_SKIP_MDS_QUERY": "1",
  "TPU_ACCELERATOR_TYPE": "v3-8",
  "TPU_WORKER_HOSTNAMES": "localhost",
  "TPU_MIN_LOG_LEVEL": "3",
  "TPU_STDERR_LOG_LEVEL": "3",
  "TPU_LOG_DIR": "disabled",
  "ALLOW_MULTIPLE_LIBTPU_LOAD": "true",
}
REFUSED = (  # Of the TPU compiler: with the arguments in it, or without.
  re.compile(r"Used (?P<used>[\d.]+[KMGT]?) of (?P<limit>[\d.]+[KMGT]?) hbm"),
  re.compile(r"HLO temporaries \((?P<temporaries>[\d.]+[KMGT]?)\) exceeds available HBM"),
)


@dataclasses.dataclass(frozen=True)
class Compiled:
  """One step of one batch: bytes a chip by kind, or what the compiler wanted when it refused."""

  memory: dict
  used: int
  refused: str | None
  text: str | None


def devices_of(topology):
  """This machine's devices, or those of a TPU slice that need not exist."""
  if topology == "local":
    return jax.devices()
  if importlib.util.find_spec("libtpu") is None:
    raise InputError(
      f"--topology {topology} needs the TPU compiler: pip install "
      "'libtpu==0.0.42.*' (the extra [plan])."
    )
  for name, value in LIBTPU.items():
    os.environ.setdefault(name, value)
  jax.config.update("jax_platforms", "cpu")  # A TPU that is there stays free for others.
  # As on a TPU VM: both cores of a v4 chip are one device, which libtpu does not do by itself.
  options = {"chip_config_name": "megacore"} if topology.startswith("v4") else {}
  try:
    return list(topologies.get_topology_desc(topology, platform="tpu", **options).devices)
  except (RuntimeError, ValueError, NotImplementedError) as error:
    said = str(error).removeprefix("INVALID_ARGUMENT: ")
    raise InputError(
      f"--topology {topology}: {said}. It must be one that libtpu knows, such as "
      "v3:4x4, v4:2x2x2, v5e:4x8 or v6e:4x4, or local."
    ) from error


def memory_by_kind(stats, held, platform):
  """Bytes a chip by kind.

  For a TPU the temporaries are those at the step's peak: the compiler refuses by that number, and
  the sum that it also gives may be larger than the memory of a step it accepts.
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


def refusal(message, held):
  """What a step needs that the TPU compiler refused for its memory; None for another error."""
  for pattern in REFUSED:
    if match := pattern.search(message):
      parts = match.groupdict()
      arguments = sum(held.values())
      used = (
        _number(parts["used"]) if "used" in parts else (arguments + _number(parts["temporaries"]))
      )
      said = message.removeprefix("RESOURCE_EXHAUSTED: ").splitlines()[0]
      return Compiled(held | {"temporaries": used - arguments}, used, said, None)
  return None


def _number(text):
  return round(float(text.rstrip("KMGT")) * 1024 ** " KMGT".index(text[-1]))


def tree_bytes(tree):
  """Bytes of a tree of sharded shapes on one device."""
  return sum(
    math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize for x in jax.tree.leaves(tree)
  )
