"""Slices by their number of devices, as libtpu names them."""

import pytest

from labse_jax.base.errors import InputError
from labse_jax.planning import compilation
from labse_jax.planning.slices import KINDS, misfit, slice_of

FOUND = [
  ("v3", 8, "v3:2x2"),
  ("v3", 64, "v3:4x8"),
  ("v3", 512, "v3:16x16"),
  ("v3", 1024, "v3:16x32"),
  ("v4", 4, "v4:2x2x1"),
  ("v4", 8, "v4:2x2x2"),
  ("v4", 512, "v4:8x8x8"),
  ("v5e", 4, "v5e:2x2"),
  ("v5e", 8, "v5e:2x4"),
  ("v5e", 64, "v5e:8x8"),
  ("v5e", 256, "v5e:16x16"),
  ("v5p", 32, "v5p:2x4x4"),
  ("v5p", 1024, "v5p:8x8x16"),
  ("v6e", 128, "v6e:8x16"),
]


@pytest.mark.parametrize(("kind", "devices", "topology"), FOUND)
def test_a_slice_is_as_near_to_a_square_or_a_cube_as_there_is(kind, devices, topology):
  assert slice_of(kind, devices) == topology
  assert misfit(topology) is None


@pytest.mark.parametrize(
  ("topology", "message"),
  [
    *((f"v5e{rest}", "v5e has 2 axes, as in v5e:2x2") for rest in ("", ":", ":2", ":2x", ":2x2x2")),
    *((f"v4{rest}", "v4 has 3 axes, as in v4:2x2x2") for rest in (":2x2", ":0x2x2", ":-2x2x2")),
    ("v6e:16x32", "v6e has at most 256 chips"),
    ("v3:32x64", "v3 has at most 1,024 chips"),
  ],
)
def test_what_is_wrong_with_the_name_of_a_slice(topology, message):
  assert message in misfit(topology)


@pytest.mark.parametrize("topology", ["v3:32x32", "v5p:16x16x24", "v4:4x4x8_twisted"])
def test_other_slices_are_left_to_the_compiler(topology):
  assert misfit(topology) is None


@pytest.mark.parametrize(
  ("kind", "devices", "message"),
  [
    ("v5e", 512, "no slice has 512 devices; the largest one has 256"),
    ("v3", 4096, "no slice has 4,096 devices; the largest one has 2,048"),
    ("v5e", 24, "no slice has 24 devices; it must be a power of two, from 4 on"),
    ("v3", 4, "it must be a power of two, from 8 on"),
    ("v3", 9, "it must be a power of two"),
    ("v9", 8, "Unknown kind of TPU 'v9'"),
  ],
)
def test_where_there_is_no_slice_it_is_one_line(kind, devices, message):
  with pytest.raises(InputError, match=message) as error:
    slice_of(kind, devices)
  assert "\n" not in str(error.value)


@pytest.mark.heavy
@pytest.mark.parametrize(("kind", "devices", "topology"), FOUND)
def test_libtpu_knows_the_slice_and_has_so_many_devices(kind, devices, topology):
  pytest.importorskip("libtpu", reason="the TPU compiler: pip install 'labse_jax[plan]'")
  assert kind in KINDS and len(compilation.devices_of(topology)) == devices
