"""Compiles one step of the encoder for an H100 that need not be there.

python benchmarks/accelerator/gpu_aot.py NAME ROWS LENGTH

It needs JAX's plugin for CUDA and CUDA's compiler, which need no GPU: `pip install --no-deps` of
jax-cuda13-plugin and jax-cuda13-pjrt in JAX's version, nvidia-cuda-nvcc and nvidia-nvvm; for the
variant cudnn, nvidia-cudnn-cu13 too, with its folder in LD_LIBRARY_PATH. Memory and arithmetic go
to OUTPUT/NAME.json, the program to OUTPUT/NAME.hlo, which gpu_time.py reads.
"""

import importlib.util
import os
import pathlib

import encoder_step
import jax
from jax.experimental import topologies

from labse_jax.base.errors import InputError, run
from labse_jax.planning.chips import GPU_PEAKS

TARGET = pathlib.Path(__file__).parent / "h100.txtpb"
PACKAGES = "jax-cuda13-plugin, jax-cuda13-pjrt, nvidia-cuda-nvcc and nvidia-nvvm"
# Tuning would time kernels, for which there is no device. XLA then takes each product that Triton
# could compile for Triton's, without knowing whether cuBLAS is faster; here cuBLAS gets them all.
FLAGS = ("--xla_gpu_autotune_level=0", "--xla_gpu_enable_triton_gemm=false")


def main(argv: list[str]) -> None:
  parser = encoder_step.parser(__doc__)
  parser.add_argument("--cuda", type=pathlib.Path, help="CUDA's folder (default: that of pip)")
  args = parser.parse_args(argv)
  use_cuda(args.cuda or installed_cuda())
  device = h100()
  encoder_step.compile_and_write(args, device, GPU_PEAKS["NVIDIA H100"])


def installed_cuda() -> pathlib.Path:
  """The folder in which pip puts CUDA's compiler."""
  spec = importlib.util.find_spec("nvidia")
  for place in spec.submodule_search_locations if spec else ():
    for folder in sorted(pathlib.Path(place).glob("cu1*")):
      if (folder / "bin" / "ptxas").is_file():
        return folder
  raise InputError(f"CUDA's compiler is not installed: pip install --no-deps {PACKAGES}.")


def use_cuda(folder: pathlib.Path) -> None:
  """Tells XLA where CUDA is; in time only before anything is compiled."""
  given = os.environ.get("XLA_FLAGS", "")
  flags = [f"--xla_gpu_cuda_data_dir={folder}", *FLAGS, given]
  os.environ["XLA_FLAGS"] = " ".join(flags).strip()
  os.environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
  jax.config.update("jax_platforms", "cpu")  # A GPU that is there stays free for others.


def h100() -> jax.Device:
  """The device that h100.txtpb describes."""
  target = TARGET.read_text("utf-8")
  try:
    topology = topologies.get_topology_desc(
      "h100", platform="cuda", target_config=target, topology="1x1x1"
    )
  except (NotImplementedError, RuntimeError, ValueError) as error:
    raise InputError(f"No H100 to compile for: {error}. It needs {PACKAGES}.") from error
  return topology.devices[0]


if __name__ == "__main__":
  run(main)
