"""What machine this is."""

import os
import pathlib
import platform


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


def _processor() -> str:
  info = pathlib.Path("/proc/cpuinfo")
  if info.exists():
    for line in info.read_text().splitlines():
      if line.startswith("model name"):
        return line.split(":", 1)[1].strip()
  return platform.processor() or platform.machine()
