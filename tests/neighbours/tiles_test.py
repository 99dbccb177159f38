"""One tile of a search; whole searches are in exact_test."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.neighbours import tiles


def nothing(count, k):
  return np.full((count, k), -np.inf, np.float32), np.full((count, k), -1, np.int32)


def expected(score_qc, start, k):
  order_qk = np.argsort(-score_qc, axis=1, kind="stable")[:, :k]
  return np.take_along_axis(score_qc, order_qk, 1), order_qk + start


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.parametrize("k", [2, 20])
def test_a_tile_with_padding(devices, k):
  """Ids count from where the tile starts; of padding nothing is found."""
  rng = np.random.default_rng(k)
  x_qD, y_cD = (rng.integers(-2, 3, (n, 5)).astype(np.float32) for n in (64, 1024))
  mesh = make_mesh(devices=jax.devices()[:devices])
  with jax.set_mesh(mesh):
    split = jax.device_put((nothing(64, k), nothing(1024, k), x_qD, y_cD), batch_sharding(mesh))
    of_queries, of_candidates = tiles.merge(
      *split,
      np.array([100, 3000], np.int32),
      np.array([150, 3900], np.int32),
      whole=False,
      dtype="float32",
    )
  score_qc = x_qD[:50] @ y_cD[:900].T
  for (scores, ids), (wanted, wanted_ids) in zip(
    ([part[:50] for part in of_queries], [part[:900] for part in of_candidates]),
    (expected(score_qc, 3000, k), expected(score_qc.T, 100, k)),
    strict=True,
  ):
    np.testing.assert_array_equal(scores, wanted)
    np.testing.assert_array_equal(ids, wanted_ids)


def test_what_was_found_before_stands_before_its_equals():
  with jax.set_mesh(make_mesh(devices=jax.devices()[:1])):
    before = np.array([[3, 1, 1]], np.float32), np.array([[5, 2, 7]], np.int32)
    (scores, ids), _ = tiles.merge(
      before,
      None,
      np.ones((1, 1), np.float32),
      np.array([[0], [1], [2], [1]], np.float32),
      np.array([0, 8], np.int32),
      np.array([1, 12], np.int32),
      whole=True,
      dtype="float32",
    )
  assert (scores.tolist(), ids.tolist()) == ([[3, 2, 1]], [[5, 10, 2]])


def test_rows_are_multiples_of_whole_numbers():
  x_ND = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
  x_ND[3] = 0
  number_ND, factor_N = map(np.asarray, tiles._rounded(jnp.asarray(x_ND), "int8"))
  assert number_ND.dtype == np.int8 and not number_ND[3].any()
  assert (np.abs(number_ND.astype(int)).max(1) == np.where(np.arange(20) == 3, 0, 127)).all()
  error_ND = np.abs(number_ND * factor_N[:, None] - x_ND)
  assert (error_ND <= factor_N[:, None] * 0.5001).all() and error_ND.max() > 0


def test_products_of_whole_numbers_are_exact():
  rng = np.random.default_rng(1)
  x_qD, y_cD = (rng.integers(-127, 128, (n, 2000)).astype(np.int8) for n in (8, 16))
  ones = jnp.ones(8), jnp.ones(16)
  score_qc = tiles._products((jnp.asarray(x_qD), ones[0]), (jnp.asarray(y_cD), ones[1]))
  exact_qc = x_qD.astype(np.int64) @ y_cD.T.astype(np.int64)
  np.testing.assert_array_equal(score_qc, exact_qc.astype(np.float32))
