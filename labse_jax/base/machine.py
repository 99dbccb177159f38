"""What machine this is."""

import os
import pathlib
import platform
import re
import typing

from labse_jax.base.errors import InputError

if typing.TYPE_CHECKING:
  import jax

AMPERE = 8.0  # The compute capability of NVIDIA's first GPUs with bfloat16, such as the A100.


def hardware() -> dict[str, str | int | dict[str, int]]:
  """The processor, its cores that this process may use, and JAX's devices."""
  import jax  # Late: `--help` does not wait for JAX.

  kinds = [device.device_kind for device in jax.devices()]
  devices = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
  return {"processor": _processor(), "cores": cores(), "devices": devices}


def cores() -> int:
  """The number of cores that this process may use; 1 where that is not known."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def check_dtype(dtype: str, device: "jax.Device | jax.sharding.AbstractDevice") -> None:
  """Raises InputError where a GPU does not compute in `dtype`: older ones have no bfloat16."""
  capability = str(getattr(device, "compute_capability", ""))  # Of NVIDIA's GPUs, such as 7.5.
  old = re.fullmatch(r"\d+\.\d+", capability) and float(capability) < AMPERE
  if dtype == "bfloat16" and old:
    raise InputError(f"dtype bfloat16: a {device.device_kind} has none; choose float32.")


def _processor() -> str:
  info = pathlib.Path("/proc/cpuinfo")
  if info.exists():
    for line in info.read_text().splitlines():
      if line.startswith("model name"):
        return line.split(":", 1)[1].strip()
  return platform.processor() or platform.machine()
