"""GPUs that need not be there: their description for XLA's compiler, and how it is called."""

import dataclasses
import importlib.util
import pathlib

import jax
from jax.experimental import topologies

from labse_jax.base.errors import InputError
from labse_jax.planning.chips import GPUS

EXTRA = "pip install 'labse_jax[plan-cuda]', for Linux on x86-64"
# As many GPUs as NVLink joins in one machine (HGX).
MOST = 8
# Compute capability 9.0: NVIDIA's CUDA C++ programming guide, the table of technical
# specifications by compute capability.
HOPPER = """
  cuda_compute_capability { major: 9 feature_extension: ACCELERATED_FEATURES }
  threads_per_warp: 32
  threads_per_block_limit: 1024
  threads_per_core_limit: 2048
  registers_per_block_limit: 65536
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
"""


@dataclasses.dataclass(frozen=True)
class Target:
  """One kind of GPU: JAX's name of it, and what the compiler chooses kernels by.

  `cores` are streaming multiprocessors, `clock` is in GHz, `cache` the L2 cache in bytes, and
  `bandwidth` in bytes a second what the data sheet says.
  """

  kind: str
  cores: int
  clock: float
  cache: int
  bandwidth: float


# The data sheets of the SXM forms; clock and cache are recalled, not checked.
TARGETS = {
  "h100": Target("NVIDIA H100 80GB HBM3", 132, 1.98, 50 * 2**20, 3.35e12),
  "h200": Target("NVIDIA H200", 132, 1.98, 50 * 2**20, 4.8e12),
}
# Tuning would time kernels, for which there is no device. XLA then takes each product that Triton
# could compile for Triton's, without knowing whether cuBLAS is faster; here cuBLAS gets them all.
OPTIONS: dict[str, str | bool] = {
  "xla_gpu_autotune_level": "0",
  "xla_gpu_enable_triton_gemm": False,
}


def is_gpu(topology: str) -> bool:
  """Whether a name is that of GPUs: h100, or h100:8 for eight of them."""
  return topology.partition(":")[0] in TARGETS


def gpus_of(topology: str) -> list[jax.Device]:
  """The devices that a name of GPUs stands for; raises where the compiler is not installed."""
  name, colon, count_text = topology.partition(":")
  count = int(count_text) if count_text.isdecimal() else 0
  if not colon:
    count = 1
  if not 1 <= count <= MOST:
    raise InputError(
      f"--topology {topology}: after the colon stands how many GPUs, from 1 to {MOST}, which is "
      f"what one machine holds; such as {name}:{MOST}."
    )
  _cuda_folder(topology)
  try:
    described = topologies.get_topology_desc(
      name,
      platform="cuda",
      target_config=config_text(TARGETS[name]),
      topology=f"1x1x{count}",  # Machines in a group, groups, GPUs of a machine.
    )
  except (NotImplementedError, RuntimeError, ValueError) as error:
    raise InputError(f"--topology {topology}: {error}. It needs {EXTRA}.") from error
  return list(described.devices)


def config_text(target: Target) -> str:
  """The description of a GPU for XLA, a GpuTargetConfigProto as text."""
  memory = next(chip.memory for name, chip in GPUS.items() if target.kind.startswith(name))
  # By its version XLA knows which kernels cuDNN has. It is the oldest version that JAX's plugin for
  # CUDA allows, as the extra plan-cuda says.
  return f"""
device_description_str: "{target.kind}"
dnn_version_info {{ major: 9 minor: 12 }}
gpu_device_info {{{HOPPER}
  core_count: {target.cores}
  fpus_per_core: 128
  clock_rate_ghz: {target.clock}
  device_memory_size: {memory}
  memory_bandwidth: {round(target.bandwidth)}
  l2_cache_size: {target.cache}
}}
"""


def compiler_options(topology: str) -> dict[str, str | bool]:
  """What the compiler for these GPUs must be told."""
  return OPTIONS | {"xla_gpu_cuda_data_dir": str(_cuda_folder(topology))}


def _cuda_folder(topology: str) -> pathlib.Path:
  """The folder in which pip puts CUDA's compiler."""
  missing = InputError(f"--topology {topology} needs CUDA's compiler: {EXTRA}.")
  spec = importlib.util.find_spec("nvidia")
  if spec is None or importlib.util.find_spec("jax_cuda13_plugin") is None:
    raise missing
  places = [pathlib.Path(place) for place in spec.submodule_search_locations or ()]
  # Where cuDNN's attention is traced, JAX asks the library for its version.
  if not any((place / "cudnn").is_dir() for place in places):
    raise missing
  for place in places:
    for folder in sorted(place.glob("cu1*")):
      if (folder / "bin" / "ptxas").is_file():
        return folder
  raise missing
