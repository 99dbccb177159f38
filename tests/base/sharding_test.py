import types

import jax
from jax.experimental.compilation_cache import compilation_cache
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import BATCH, cache_compilations, make_mesh, rows_of


def place(mesh, table_VD, indices_BL):
  def put(a, *spec):
    return jax.device_put(a, jax.NamedSharding(mesh, jax.P(*spec)))

  return put(jnp.asarray(table_VD), "fsdp"), put(jnp.asarray(indices_BL), BATCH)


@pytest.mark.parametrize(("devices", "fsdp"), [(1, 1), (2, 2), (8, 1), (8, 2), (8, 8)])
def test_rows_of_a_split_table_and_their_gradient(devices, fsdp):
  rng = np.random.default_rng(0)
  table_VD, indices_BL = rng.normal(size=(64, 4)), rng.integers(0, 64, (16, 5))
  weight_BLD = rng.normal(size=(16, 5, 4))
  mesh = make_mesh(fsdp, jax.devices()[:devices])
  with jax.set_mesh(mesh):

    def total(table_VD, indices_BL):
      return (rows_of(table_VD, indices_BL) * weight_BLD).sum()

    split = place(mesh, np.float32(table_VD), indices_BL)
    found = jax.jit(rows_of)(*split)
    gradient_VD = jax.jit(jax.grad(total))(*split)
  np.testing.assert_array_equal(found, np.float32(table_VD)[indices_BL])
  wanted_VD = np.zeros((64, 4))
  np.add.at(wanted_VD, indices_BL, weight_BLD)
  np.testing.assert_allclose(gradient_VD, wanted_VD, atol=1e-5)


def test_the_table_stays_where_it_is():
  """Neither way does a device send or receive the table; plain indexing would gather it."""
  mesh = make_mesh(4)
  V, D = 8_192, 8
  with jax.set_mesh(mesh):
    split = place(mesh, np.ones((V, D), np.float32), np.zeros((8, 4), np.int32))
    texts = []
    for find in (rows_of, lambda table_VD, indices_BL: table_VD[indices_BL]):

      def total(*arrays, find=find):
        return find(*arrays).sum()

      texts.append(jax.jit(jax.value_and_grad(total)).lower(*split).compile().as_text())
  assert f"f32[{V},{D}]" not in texts[0] and f"f32[{V},{D}]" in texts[1]


@pytest.mark.parametrize("fsdp", [0, 3, 16])
def test_fsdp_must_divide_the_devices(fsdp):
  with pytest.raises(InputError, match=f"mesh.fsdp = {fsdp} does not divide the 8 devices"):
    make_mesh(fsdp)


@pytest.mark.parametrize(
  ("platform", "count", "kept"), [("cpu", 2, False), ("cpu", 1, True), ("tpu", 8, True)]
)
def test_programs_of_several_cpu_devices_are_not_kept_on_disk(
  platform, count, kept, monkeypatch, tmp_path
):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  devices = [types.SimpleNamespace(platform=platform)] * count
  monkeypatch.setattr(jax, "devices", lambda: devices)
  set_to = {"jax_enable_compilation_cache": True}
  monkeypatch.setattr(jax.config, "update", set_to.__setitem__)
  cache_compilations()
  assert set_to["jax_enable_compilation_cache"] == kept
  if kept:
    assert set_to["jax_compilation_cache_dir"] == str(tmp_path / "labse_jax" / "compiled")


@pytest.fixture
def disk_cache(tmp_path):
  """The folder of JAX's disk cache as a person may have set it: on, for every program."""
  settings = {
    "jax_enable_compilation_cache": True,
    "jax_compilation_cache_dir": str(tmp_path),
    "jax_persistent_cache_min_compile_time_secs": 0.0,
  }
  before = {name: getattr(jax.config, name) for name in settings}
  for name, value in settings.items():
    jax.config.update(name, value)
  compilation_cache.reset_cache()
  yield tmp_path
  for name, value in before.items():
    jax.config.update(name, value)
  compilation_cache.reset_cache()


def test_a_mesh_of_several_cpu_devices_turns_a_cache_off_that_is_in_use(disk_cache):
  def compile_sum(devices):
    mesh = make_mesh(devices=devices)
    in_all = jax.shard_map(
      lambda x: jax.lax.psum(x, BATCH), mesh=mesh, in_specs=jax.P(BATCH), out_specs=jax.P()
    )
    jax.jit(in_all)(np.ones(8, np.float32)).block_until_ready()
    return len(list(disk_cache.glob("*-cache")))

  kept = compile_sum(jax.devices()[:1])
  assert kept > 0
  assert compile_sum(jax.devices()) == kept
