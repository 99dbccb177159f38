"""What one JAX device holds and can do at best; each number has its source."""

from collections.abc import Sequence
import dataclasses
import os
import typing

if typing.TYPE_CHECKING:
  import jax

GIB = 2**30
TERA = 1e12
DOCS = "https://docs.cloud.google.com/tpu/docs"
COMPILER = "libtpu 0.0.42.1's own limit"


@dataclasses.dataclass(frozen=True)
class Chip:
  """One JAX device: `memory` and what the compiler may fill of it, in bytes; `peak` in FLOP/s."""

  memory: int
  usable: int
  peak: float | None
  source: str


def _tpu(memory: float, usable: float, peak: float, source: str) -> Chip:
  return Chip(round(memory * GIB), round(usable * GIB), peak * TERA, f"{source}; {COMPILER}")


# A v2, v3 or TPU7x chip has two cores. Each is a JAX device with half of the chip's numbers.
# What is usable is what the compiler said when it was given too much.
TPUS = {
  "TPU v2": _tpu(8, 7.48, 22.5, "45 TFLOP/s and 16 GiB a chip: recalled, not checked"),
  "TPU v3": _tpu(16, 15.48, 61.5, f"{DOCS}/v3: 123 TFLOP/s and 32 GiB a chip of two"),
  "TPU v4": _tpu(32, 30.75, 275, f"{DOCS}/v4: 275 TFLOP/s and 32 GiB a chip, two cores as one"),
  "TPU v5 lite": _tpu(16, 15.75, 197, f"{DOCS}/v5e: 197 TFLOP/s and 16 GB a chip"),
  "TPU v5": _tpu(95, 95, 459, f"{DOCS}/v5p: 459 TFLOP/s and 95 GB a chip"),
  "TPU v6 lite": _tpu(32, 31.25, 918, f"{DOCS}/v6e: 918 TFLOP/s and 32 GB a chip"),
  "TPU7x": _tpu(96, 94.75, 1153.5, f"{DOCS}/tpu7x: 2307 TFLOP/s and 192 GiB a chip of two"),
}

# Dense bfloat16 of the SXM forms. NVIDIA's data sheets say twice as much, "with sparsity".
GPU_PEAKS = {
  "NVIDIA H200": 989 * TERA,
  "NVIDIA H100": 989 * TERA,
  "NVIDIA A100": 312 * TERA,
}


def chip(devices: "Sequence[jax.Device]") -> Chip | None:
  """The Chip that the devices are; None where a kind stands in no table."""
  device = devices[0]
  if device.platform == "tpu":
    return TPUS.get(device.device_kind)
  if device.platform == "cpu":
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // len(devices)
    return Chip(memory, memory, None, f"this machine's memory / {len(devices)} devices")
  limit = (device.memory_stats() or {}).get("bytes_limit")
  if limit is None:
    return None
  peak = None
  for name, value in GPU_PEAKS.items():
    if device.device_kind.startswith(name):  # "NVIDIA H100 80GB HBM3" is one, for instance.
      peak = value
  return Chip(limit, limit, peak, "memory: what JAX may allocate; peak: recalled, not checked")
