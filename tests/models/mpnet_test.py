"""MPNet's bias by distance, against T5's rule written as a loop."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.data.batches.packing import pack
from labse_jax.models import heads, mpnet

MODEL = dict(
  vocab_size=50,
  width=8,
  depth=2,
  heads=2,
  mlp_width=16,
  positions=40,
  position_offset=2,
  types=0,
  relative_buckets=32,
)


def bucket(distance, buckets):
  half = buckets // 2
  exact, far = half // 2, abs(distance)
  if far >= exact:
    far = exact + int(math.log(far / exact) / math.log(128 / exact) * (half - exact))
  return min(far, half - 1) + half * (distance > 0)


@pytest.mark.parametrize("buckets", [8, 32])
def test_buckets(buckets):
  distances = np.arange(-600, 601)
  got = jax.jit(mpnet.buckets_of, static_argnums=1)(distances, buckets)
  expected = np.array([bucket(distance, buckets) for distance in distances])
  assert set(expected) == set(range(buckets)) - {buckets // 2}
  # At a border float32 may fall to the other side, as it does in any implementation.
  assert (np.asarray(got) != expected).sum() <= 2
  np.testing.assert_array_equal(
    got[600 - buckets // 4 : 601 + buckets // 4], expected[600 - buckets // 4 : 601 + buckets // 4]
  )


@pytest.mark.heavy
def test_where_a_sentence_lies_in_its_row_changes_nothing():
  module = heads.build(MODEL, dict(pooling="mean", dense=0, normalize=True))
  params = jax.jit(lambda key: heads.init(module, key))(jax.random.key(0))
  assert params["bert"]["relative"]["bias"].shape == (32, 2)
  params = jax.tree.map(lambda p: p + 0.1 * jax.random.normal(jax.random.key(1), p.shape), params)
  params["bert"]["relative"]["bias"] *= 20
  rng = np.random.default_rng(0)
  items = [(rng.integers(5, 50, n).astype(np.int32),) for n in (9, 12, 17, 30)]

  def encode(params, length, slots):
    arrays, row_N, slot_N = pack(items, length, slots)
    inputs = [arrays[name][:, 0] for name in ("tokens", "segments", "positions")]
    z_RSD = jax.jit(module.apply, static_argnames="slots")({"params": params}, *inputs, slots=slots)
    return np.asarray(z_RSD)[row_N, slot_N]

  packed = encode(params, 38, 4)
  np.testing.assert_allclose(packed, encode(params, 30, 1), atol=1e-5)
  bias = params["bert"]["relative"]["bias"]
  flat = params | {"bert": params["bert"] | {"relative": {"bias": jnp.zeros_like(bias)}}}
  assert np.abs(packed - encode(flat, 38, 4)).max() > 1e-3
