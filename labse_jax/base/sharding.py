"""One mesh for everything: every axis carries the batch, only `fsdp` carries weights."""

from collections.abc import Callable, Sequence
import functools
import math
import os
import pathlib
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache
import jax.numpy as jnp
import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.types import Params

BATCH = ("data", "fsdp")  # The axes of the mesh; the batch is split over both.


def make_mesh(fsdp: int = 1, devices: Sequence[jax.Device] | None = None) -> jax.sharding.Mesh:
  """A mesh (data, fsdp) over `devices` (all by default); raises where fsdp does not divide them."""
  devices = devices or jax.devices()
  if fsdp < 1 or len(devices) % fsdp:
    raise InputError(f"mesh.fsdp = {fsdp} does not divide the {len(devices)} devices.")
  keep_off_disk(devices)
  # Linen needs Auto axes, and make_mesh defaults to Explicit ones.
  types = (jax.sharding.AxisType.Auto,) * 2
  return jax.make_mesh((len(devices) // fsdp, fsdp), BATCH, devices=devices, axis_types=types)


def batch_sharding(mesh: jax.sharding.Mesh) -> jax.NamedSharding:
  """The sharding of an array whose first axis is split over every device."""
  return jax.NamedSharding(mesh, jax.P(BATCH))


def first_device(
  mesh: jax.sharding.Mesh | jax.sharding.AbstractMesh,
) -> jax.Device | jax.sharding.AbstractDevice:
  """The first device of a mesh; of one that is only described, the description."""
  if isinstance(mesh, jax.sharding.AbstractMesh):
    return mesh.abstract_device
  return mesh.devices.flat[0]


def traced_device() -> jax.Device | jax.sharding.AbstractDevice:
  """The device that JAX traces for: of the mesh that is set, if one is."""
  mesh = jax.sharding.get_abstract_mesh()
  if mesh.empty or mesh.abstract_device is None:
    return jax.devices()[0]
  return mesh.abstract_device


def traced_platform() -> str:
  """The platform that JAX traces for: "cpu", "tpu" or "gpu"."""
  platform = traced_device().platform
  return "gpu" if platform == "cuda" else platform


def weight_sharding(
  shape: Sequence[int],
  mesh: jax.sharding.Mesh,
  *,
  min_size: int = 2**14,
) -> jax.NamedSharding:
  """Splits the largest dimension that `fsdp` divides; small arrays stay whole on each device."""
  size = mesh.shape["fsdp"]
  if size > 1 and math.prod(shape) >= min_size:
    for dim in np.argsort(shape)[::-1]:
      if shape[dim] % size == 0:
        return jax.NamedSharding(mesh, jax.P(*(None,) * int(dim), "fsdp"))
  return jax.NamedSharding(mesh, jax.P())


def shardings(abstract: Any) -> Any:
  """The shardings of a tree of shapes."""
  return jax.tree.map(lambda x: x.sharding, abstract)


def split_rows(x: jax.Array) -> jax.Array:
  """Tells the compiler that the first axis of an activation is split over every device."""
  if jax.sharding.get_abstract_mesh().empty:
    return x
  return jax.lax.with_sharding_constraint(x, jax.P(BATCH))


def rows_of(table_VD: jax.Array, indices_BL: jax.Array) -> jax.Array:
  """table_VD[indices_BL] where fsdp splits the table's rows, without bringing them together.

  The devices of one fsdp group exchange indices and the vectors found, [b, L, D] each; the way back
  adds each device's share of the gradient into its own rows.
  """
  mesh = jax.sharding.get_abstract_mesh()
  # Batches divide by the mesh; the one row that a model is initialised with need not.
  if mesh.empty or mesh.shape["fsdp"] == 1 or indices_BL.shape[0] % mesh.size:
    return table_VD[indices_BL]

  def local(table_vD: jax.Array, indices_bL: jax.Array) -> jax.Array:
    rows = table_vD.shape[0]
    own_aL = jax.lax.all_gather(indices_bL, "fsdp", tiled=True)
    own_aL = own_aL - rows * jax.lax.axis_index("fsdp")
    here_aL1 = ((own_aL >= 0) & (own_aL < rows))[..., None]
    x_aLD = jnp.where(here_aL1, table_vD[jnp.clip(own_aL, 0, rows - 1)], 0)
    return jax.lax.psum_scatter(x_aLD, "fsdp", tiled=True)

  look_up = jax.shard_map(local, in_specs=(jax.P("fsdp"), jax.P(BATCH)), out_specs=jax.P(BATCH))
  return look_up(table_VD, indices_BL)


def whole(params: Params, mesh: jax.sharding.Mesh) -> Params:
  """Parameters as NumPy arrays on every host, however they were split."""
  return jax.device_get(_replicate(mesh)(params))


@functools.cache
def _replicate(mesh: jax.sharding.Mesh) -> Callable[[Params], Params]:
  return jax.jit(lambda params: params, out_shardings=jax.NamedSharding(mesh, jax.P()))


def cache_compilations() -> None:
  """Keeps compiled steps on disk, so that a second start does not compile again.

  Not those of several CPU devices: see `keep_off_disk`.
  """
  if keep_off_disk(jax.devices()):
    return
  if not jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]  # Set at run time.
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    jax.config.update("jax_compilation_cache_dir", str(home / "labse_jax" / "compiled"))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def keep_off_disk(devices: Sequence[jax.Device]) -> bool:
  """Turns JAX's disk cache off where `devices` are several of a CPU; says whether they are.

  XLA orders the collectives of such a program when it compiles it, and that order is lost on disk.
  Read back, one device waits in a gather while another waits in a sum: the numbers are wrong, or
  the program never ends. So the cache goes off whoever turned it on.
  """
  if len(devices) == 1 or devices[0].platform != "cpu":
    return False
  jax.config.update("jax_enable_compilation_cache", False)
  # JAX reads the setting once, when it first compiles something, and that may be done.
  compilation_cache.reset_cache()
  return True
