"""What one JAX device holds and can do at best; each number has its source."""

from collections.abc import Sequence
import dataclasses
import os
import re
import typing

if typing.TYPE_CHECKING:
  import jax

GIB = 2**30
GIGA = 1e9
TERA = 1e12
DOCS = "https://docs.cloud.google.com/tpu/docs"
COMPILER = "libtpu 0.0.42.1's own limit"
MEASURED = "measured on an H100 (results/accelerator/h100.json)"


@dataclasses.dataclass(frozen=True)
class Speed:
  """How fast one JAX device works, for estimates of time; `source` says where that is from.

  `memory` and `link` are bytes a second: of the main memory, and what a device sends in a
  collective. `clock` is a TPU's cycles a second. `products` are a GPU's operations a second by
  the type of the factors, and `start` the seconds that each of its kernels takes to start.
  """

  memory: float
  link: float
  source: str
  clock: float | None = None
  products: dict[str, float] = dataclasses.field(default_factory=dict)
  start: float = 0.0


@dataclasses.dataclass(frozen=True)
class Chip:
  """One JAX device: `memory` and what the compiler may fill of it, in bytes; `peak` in FLOP/s."""

  memory: int
  usable: int
  peak: float | None
  source: str
  speed: Speed | None = None


def _tpu(
  memory: float, usable: float, peak: float, source: str, speed: Speed | None = None
) -> Chip:
  said = f"{source}; {COMPILER}"
  return Chip(round(memory * GIB), round(usable * GIB), peak * TERA, said, speed)


def _speed(clock: float, memory: float, link: float, source: str) -> Speed:
  return Speed(memory * GIGA, link * GIGA, source, clock * GIGA)


# The clock is the peak by the operations that a chip's matrix units do in a cycle: 2 x 128 x 128 in
# each of 2 (v3, of a core), 8 (v4, v5p) or 4 (v5e). A link's speed is what a chip sends round one
# ring of its torus, by two links, one to either neighbour. The pages give the sum of all of a
# chip's links, in both directions.
V3_SPEED = _speed(
  0.94, 450, 82, "900 GB/s and 4 links of 82 GB/s a chip of two: recalled, not checked"
)
V4_SPEED = _speed(
  1.05, 1_200, 100, f"{DOCS}/v4: 1200 GB/s; 6 links of 50 GB/s each way: recalled, not checked"
)
V5E_SPEED = _speed(1.5, 819, 100, f"{DOCS}/v5e: 819 GB/s, 400 GB/s both ways by 4 links")
V5P_SPEED = _speed(1.75, 2_765, 200, f"{DOCS}/v5p: 2765 GB/s, 1200 GB/s both ways by 6 links")
# The page counts two units of 256 x 256, with which no likely clock makes the peak; four do.
V6E_SPEED = _speed(
  1.75,
  1_638,
  200,
  f"{DOCS}/v6e: 1638 GB/s, 800 GB/s both ways by 4 links; 1.75 GHz: recalled, not checked",
)

# A v2, v3 or TPU7x chip has two cores. Each is a JAX device with half of the chip's numbers.
# What is usable is what the compiler said when it was given too much.
TPUS = {
  "TPU v2": _tpu(8, 7.48, 22.5, "45 TFLOP/s and 16 GiB a chip: recalled, not checked"),
  "TPU v3": _tpu(16, 15.48, 61.5, f"{DOCS}/v3: 123 TFLOP/s and 32 GiB a chip of two", V3_SPEED),
  "TPU v4": _tpu(
    32, 30.75, 275, f"{DOCS}/v4: 275 TFLOP/s and 32 GiB a chip, two cores as one", V4_SPEED
  ),
  "TPU v5 lite": _tpu(16, 15.75, 197, f"{DOCS}/v5e: 197 TFLOP/s and 16 GB a chip", V5E_SPEED),
  "TPU v5": _tpu(95, 95, 459, f"{DOCS}/v5p: 459 TFLOP/s and 95 GB a chip", V5P_SPEED),
  "TPU v6 lite": _tpu(32, 31.25, 918, f"{DOCS}/v6e: 918 TFLOP/s and 32 GB a chip", V6E_SPEED),
  "TPU7x": _tpu(96, 94.75, 1153.5, f"{DOCS}/tpu7x: 2307 TFLOP/s and 192 GiB a chip of two"),
}

# What JAX takes of a GPU's memory by itself; XLA_PYTHON_CLIENT_MEM_FRACTION changes it.
GPU_SHARE = 0.75
# What large products reach by the type of their factors; the data sheet says 989, 495 and 67.
HOPPER_PRODUCTS = {"bf16": 757 * TERA, "f16": 757 * TERA, "f32": 51.4 * TERA}
# An H200 has the same processor. No copy was timed there: its data sheet's number is taken by the
# share that the H100 reaches of its own, 2.92 of 3.35 TB/s.
H100_COPY = 2.924 * TERA
H200_COPY = 4.8 * TERA * 2.924 / 3.35
LINK = "900 GB/s of NVLink both ways: data sheet; 2.5 us a start: assumed"


def _hopper(memory: float, copy: float, source: str) -> Chip:
  total = round(memory * GIGA)
  said = f"products: {MEASURED}; {source}; {LINK}"
  speed = Speed(copy, 450 * GIGA, said, products=HOPPER_PRODUCTS, start=2.5e-6)
  where = f"{memory} GB and 989 TFLOP/s without sparsity: data sheet; JAX takes 75 % of the memory"
  return Chip(total, round(GPU_SHARE * total), 989 * TERA, where, speed)


# The SXM forms, by the name that JAX gives them, which may go on: "NVIDIA H100 80GB HBM3".
GPUS = {
  "NVIDIA H100": _hopper(80, H100_COPY, f"copies: {MEASURED}"),
  "NVIDIA H200": _hopper(141, H200_COPY, "copies: the data sheet's 4.8 TB/s, as an H100 reaches"),
}
# Forms of an H100 or H200 that are slower than SXM. They stand in no table.
SLOWER = re.compile(r"NVIDIA H\w+ .*\b(PCIe|NVL)\b")
# Dense bfloat16. NVIDIA's data sheets say twice as much, "with sparsity".
GPU_PEAKS = {"NVIDIA A100": 312 * TERA} | {name: one.peak for name, one in GPUS.items()}


# Of the memory on a TPU's chip, in KiB, what a fusion may fill; the compiler's own limit is half of
# it. The gradient step of BERT-base's encoder, 32,768 tokens with remat, was so estimated at 102 ms
# and not 120 on a v5p, at 230 and not 257 on a v5e, but at 123 and not 121 on a v6e. A whole step
# on four v5e was estimated at 190 ms and not 205.
SCOPED_VMEM = {"TPU v5": 32_768, "TPU v5 lite": 32_768}
# The compiler gathers a weight that lies in parts on several chips in pieces, and multiplies each
# piece as it comes, where the result is larger than so many MiB. Results of long batches are; but
# its pieces are then put together in memory, which takes longer than our weights of a few MB do on
# their way. A whole step on four v5e, 32,768 tokens each, was so estimated at 371 ms and not 205,
# and on four v6e at 219 ms and not 99.
WHOLE_WEIGHTS = {"xla_jf_spmd_threshold_for_windowed_einsum_mib": "1000000"}


def compiler_options(device: "jax.Device | jax.sharding.AbstractDevice") -> dict[str, str]:
  """What the compiler is told for a training step on such a device."""
  if device.platform != "tpu":
    return {}
  room = SCOPED_VMEM.get(device.device_kind)
  larger = {"xla_tpu_scoped_vmem_limit_kib": str(room)} if room else {}
  return WHOLE_WEIGHTS | larger


def chip(devices: "Sequence[jax.Device | jax.sharding.AbstractDevice]") -> Chip | None:
  """The Chip that the devices are; None where a kind stands in no table."""
  device = devices[0]
  if device.platform == "tpu":
    return TPUS.get(device.device_kind)
  if device.platform == "cpu":
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // len(devices)
    return Chip(memory, memory, None, f"this machine's memory / {len(devices)} devices")
  return _gpu(device)


def _gpu(device: "jax.Device | jax.sharding.AbstractDevice") -> Chip | None:
  """A GPU: of one that is there, JAX says the memory; of one that is planned, the table."""
  known = _by_name(GPUS, device.device_kind)
  if not hasattr(device, "memory_stats"):
    return known
  try:
    limit = (device.memory_stats() or {}).get("bytes_limit")
  except RuntimeError:  # It is the description of a device, and no device.
    return known
  if limit is None:
    return None
  peak = _by_name(GPU_PEAKS, device.device_kind)
  source = "memory: what JAX may allocate; peak: recalled, not checked"
  return Chip(limit, limit, peak, source, known.speed if known else None)


T = typing.TypeVar("T")


def _by_name(table: dict[str, T], kind: str) -> T | None:
  """The row of a GPU's kind; None where there is none."""
  if SLOWER.match(kind):
    return None
  for name, value in table.items():
    if kind.startswith(name):
      return value
  return None
