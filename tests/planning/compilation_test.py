"""One step for chips that need not be there: its devices, its memory, and what is refused."""

import types

import jax
import jax.numpy as jnp
import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.planning import compilation
from labse_jax.planning.chips import GIB


@pytest.mark.parametrize(
  ("message", "used"),
  [
    (
      "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 24.50G of 15.48G hbm. "
      "Exceeded hbm capacity by 9.03G.",
      24.5 * GIB,
    ),
    (
      "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO "
      "temporaries (512.50M) exceeds available HBM (15.48G).",
      512.5 * 2**20 + 30,
    ),
  ],
)
def test_a_refusal_says_what_was_needed(message, used):
  refused = compilation.refusal(message, {"parameters": 10, "batch": 20})
  assert refused.used == used == sum(refused.memory.values())
  assert refused.refused.startswith("Ran out of memory") and refused.text is None
  assert compilation.refusal("INTERNAL: something else", {}) is None


@pytest.mark.parametrize("topology", ["v5e", "v5e:2x2x2"])
def test_a_slice_with_other_axes_is_refused_without_a_compiler(topology):
  with pytest.raises(
    InputError, match=rf"^--topology {topology}: a slice of v5e .* Choose a slice"
  ):
    compilation.devices_of(topology)


def test_a_tree_counts_one_devices_part_of_it():
  mesh = make_mesh(fsdp=4)
  split = jax.NamedSharding(mesh, jax.P("fsdp"))
  whole = jax.NamedSharding(mesh, jax.P())
  tree = {
    "split": jax.ShapeDtypeStruct((8, 3), jnp.float32, sharding=split),
    "whole": [jax.ShapeDtypeStruct((5,), jnp.bfloat16, sharding=whole)],
  }
  assert compilation.tree_bytes(tree) == 2 * 3 * 4 + 5 * 2


@pytest.mark.parametrize(("platform", "temporaries"), [("cpu", 7000), ("tpu", 4985)])
def test_every_byte_of_a_step_has_a_kind(platform, temporaries):
  stats = types.SimpleNamespace(
    argument_size_in_bytes=1000,
    output_size_in_bytes=815,
    alias_size_in_bytes=800,
    temp_size_in_bytes=7000,
    peak_memory_in_bytes=6000,
    generated_code_size_in_bytes=50,
  )
  held = {"parameters": 600, "batch": 300}
  assert compilation.memory_by_kind(stats, held, platform) == {
    "parameters": 600,
    "batch": 300,
    "padding": 100,
    "outputs": 15,
    "temporaries": temporaries,
    "program": 50,
  }


def test_this_machines_devices_are_local():
  assert compilation.devices_of("local") == jax.devices()


@pytest.fixture
def devices_of():
  pytest.importorskip("libtpu", reason="the TPU compiler: pip install 'labse_jax[plan]'")
  return compilation.devices_of


def test_both_cores_of_a_v4_chip_are_one_device(devices_of):
  assert len(devices_of("v4:2x2x2")) == 8
  assert len(devices_of("v3:2x2")) == 8 and len(devices_of("v5e:2x2")) == 4


def test_without_the_compiler_one_line_says_what_to_install(monkeypatch):
  monkeypatch.setattr(compilation.importlib.util, "find_spec", lambda name: None)
  with pytest.raises(InputError, match=r"pip install 'labse_jax\[plan\]'"):
    compilation.devices_of("v3:4x4")
