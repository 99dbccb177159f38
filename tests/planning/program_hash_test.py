"""The hash of a program: the same for the same program, another one for any other."""

import jax
import jax.numpy as jnp
import pytest

from labse_jax.base.sharding import BATCH, make_mesh
from labse_jax.planning.program_hash import abstract_mesh, program_hash, text_hash


def hashed(function, mesh, platform="tpu"):
  split = jax.NamedSharding(mesh, jax.P(BATCH))
  x = jax.ShapeDtypeStruct((64, 4), jnp.float32, sharding=split)
  with jax.sharding.use_abstract_mesh(mesh):
    return program_hash(jax.jit(function).trace(x), platform)


def step(x):
  return jnp.tanh(x @ x.T).sum()


@pytest.fixture
def mesh():
  return abstract_mesh({"data": 2, "fsdp": 4}, "tpu", "TPU v5 lite")


def test_the_mesh_keeps_its_axes_and_needs_no_devices(mesh):
  assert dict(mesh.shape) == dict(make_mesh(fsdp=4).shape)
  assert mesh.abstract_device.device_kind == "TPU v5 lite"
  large = abstract_mesh({"data": 16, "fsdp": 4}, "tpu", "TPU v5 lite")
  assert hashed(step, mesh) != hashed(step, large)


def test_the_same_program_has_the_same_hash_wherever_it_stands(mesh):
  source = "def step(x):\n  return jnp.tanh(x @ x.T).sum()"
  names = {"jnp": jnp}
  exec(compile("\n" * 50 + source, "/another/folder/file.py", "exec"), names)
  assert hashed(names["step"], mesh) == hashed(step, mesh)


@pytest.mark.parametrize("platform", ["tpu", "gpu", "cpu"])
def test_another_program_has_another_hash(mesh, platform):
  found = {hashed(step, mesh, platform), hashed(lambda x: step(2 * x), mesh, platform)}
  assert len(found) == 2 and {len(one) for one in found} == {16}


def test_the_code_of_a_kernel_is_left_out_and_its_name_is_not():
  call = 'custom_call @tpu_custom_call(%0) {{config = "\\22body\\22: \\22{}\\22", name = "{}"}}'
  first = text_hash(call.format("TUzvUjIx", "splash"))
  assert first == text_hash(call.format("AAAA", "splash"))
  assert first != text_hash(call.format("TUzvUjIx", "flash"))
