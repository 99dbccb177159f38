"""GPUs that need not be there: their names, their description, and what is missing in one line."""

import re
import tomllib
import types

import jax
import jax.numpy as jnp
import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.planning import compilation, gpu_target
from labse_jax.planning.chips import GPUS, chip
from tests.support.places import ROOT


@pytest.fixture
def cuda():
  reason = "CUDA's compiler: pip install 'labse_jax[plan-cuda]'"
  for name in ("jax_cuda13_plugin", "nvidia"):
    pytest.importorskip(name, reason=reason)


@pytest.mark.parametrize(
  ("topology", "found"),
  [("h100", True), ("h200:8", True), ("h100:nonsense", True), ("v3:4x4", False), ("h1000", False)],
)
def test_which_names_are_those_of_gpus(topology, found):
  assert gpu_target.is_gpu(topology) == found


@pytest.mark.parametrize("topology", ["h100:0", "h100:9", "h100:", "h100:2x2", "h200:-1", "h100:²"])
def test_a_machine_holds_one_to_eight(topology):
  with pytest.raises(InputError, match="from 1 to 8") as error:
    gpu_target.gpus_of(topology)
  assert topology in str(error.value) and "\n" not in str(error.value)


def test_without_the_compiler_one_line_says_what_to_install(monkeypatch):
  monkeypatch.setattr(gpu_target.importlib.util, "find_spec", lambda name: None)
  with pytest.raises(InputError, match=r"pip install 'labse_jax\[plan-cuda\]'"):
    compilation.devices_of("h100")
  assert compilation.compiler_options("v3:4x4") == compilation.compiler_options("local") == {}


@pytest.mark.parametrize("there", [{"cudnn"}, {"cu13"}, {"cudnn", "cu13"}], ids=sorted)
def test_the_compiler_and_cudnn_must_both_be_there(there, monkeypatch, tmp_path):
  """Where cuDNN's attention is traced, JAX loads the library."""
  for name in there:
    (tmp_path / name / "bin").mkdir(parents=True)
  if "cu13" in there:
    (tmp_path / "cu13" / "bin" / "ptxas").touch()
  spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
  monkeypatch.setattr(gpu_target.importlib.util, "find_spec", lambda name: spec)
  if len(there) == 2:
    options = compilation.compiler_options("h100")
    assert options["xla_gpu_cuda_data_dir"] == str(tmp_path / "cu13")
  else:
    with pytest.raises(InputError, match="--topology h100 needs CUDA's compiler"):
      compilation.compiler_options("h100")


def test_the_version_of_cudnn_is_the_oldest_of_the_extra():
  extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
  (wanted,) = [
    one for one in extras["optional-dependencies"]["plan-cuda"] if one.startswith("nvidia-cudnn")
  ]
  major, minor = re.search(r">=(\d+)\.(\d+)", wanted).groups()
  text = gpu_target.config_text(gpu_target.TARGETS["h100"])
  assert f"dnn_version_info {{ major: {major} minor: {minor} }}" in text


@pytest.mark.parametrize("name", gpu_target.TARGETS)
def test_a_description_has_the_numbers_of_the_table(name):
  target = gpu_target.TARGETS[name]
  text = gpu_target.config_text(target)
  one = next(one for kind, one in GPUS.items() if target.kind.startswith(kind))
  assert f"device_memory_size: {one.memory}" in text
  assert f"memory_bandwidth: {target.bandwidth:.0f}" in text
  assert text.count("{") == text.count("}")


@pytest.mark.slow
@pytest.mark.parametrize(("topology", "count"), [("h100", 1), ("h200:4", 4)])
def test_a_program_is_compiled_for_gpus_that_are_not_there(cuda, topology, count):
  devices = compilation.devices_of(topology)
  assert len(devices) == count and chip(devices).memory > 79e9
  mesh = make_mesh(devices=devices)
  x = jax.ShapeDtypeStruct(
    (8, 64, 64), jnp.bfloat16, sharding=jax.NamedSharding(mesh, jax.P(("data", "fsdp")))
  )
  with jax.set_mesh(mesh):
    lowered = jax.jit(lambda a: (a @ a).sum()).trace(x).lower()
    text = lowered.compile(compiler_options=compilation.compiler_options(topology)).as_text()
  assert "__cublas" in text and ("all-reduce" in text) == (count > 1)
