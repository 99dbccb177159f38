"""Exact search against brute force in NumPy, ties included."""

import jax
import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.neighbours import exact as search
from labse_jax.neighbours import state as search_state
from labse_jax.neighbours import tiles
from labse_jax.neighbours.exact import top_k, top_k_both


def brute_force(queries_ND, candidates_CD, k):
  score_NC = queries_ND @ candidates_CD.T
  ids_NK = np.argsort(-score_NC, axis=1, kind="stable")[:, :k]
  return np.take_along_axis(score_NC, ids_NK, 1), ids_NK


@pytest.mark.parametrize(
  "queries,candidates,width,k,block",
  [
    (5, 3, 4, 3, 8192),
    (1, 64, 8, 1, 64),
    (700, 3001, 8, 10, 1024),  # Three blocks, the last one not full.
    (1500, 900, 16, 100, 100),  # Two lots of queries; more neighbours than groups in a block.
    (10, 1000, 6, 500, 64),  # More neighbours than a block was to have.
    (0, 5, 8, 2, 64),
  ],
)
def test_whole_numbers_rank_as_by_brute_force(queries, candidates, width, k, block):
  """Sums of small whole numbers are exact, and full of ties."""
  rng = np.random.default_rng(0)
  x_ND, y_CD = (rng.integers(-3, 4, (n, width)).astype(np.float32) for n in (queries, candidates))
  scores_NK, ids_NK = top_k(x_ND, y_CD, k, block=block)
  expected = brute_force(x_ND, y_CD, k)
  np.testing.assert_array_equal(scores_NK, expected[0])
  np.testing.assert_array_equal(ids_NK, expected[1])
  assert scores_NK.dtype == np.float32 and ids_NK.dtype == np.int64


@pytest.mark.parametrize("block", [256, 700, 8192])
def test_equal_vectors_come_in_the_order_of_their_ids(block):
  """Also where products are rounded: an equal vector gets an equal score, wherever it lies."""
  rng = np.random.default_rng(0)
  distinct = unit(rng, 300, 96)
  number_C = rng.integers(0, 300, 2003)
  scores_NK, ids_NK = top_k(unit(rng, 200, 96), distinct[number_C], 30, block=block)
  same = number_C[ids_NK[:, 1:]] == number_C[ids_NK[:, :-1]]
  np.testing.assert_array_equal(scores_NK[:, 1:] == scores_NK[:, :-1], same)
  assert (ids_NK[:, 1:] > ids_NK[:, :-1])[same].all() and 0.5 < same.mean() < 1


def test_unit_vectors_rank_as_in_float64():
  rng = np.random.default_rng(1)
  x_ND, y_CD = unit(rng, 300, 48), unit(rng, 2500, 48)
  scores_NK, ids_NK = top_k(x_ND, y_CD, 8, block=2048)
  exact, expected = brute_force(x_ND.astype(np.float64), y_CD.astype(np.float64), 9)
  np.testing.assert_allclose(scores_NK, exact[:, :8], atol=1e-6)
  clear = (exact[:, :-1] - exact[:, 1:]).min(1) > 1e-6  # Nothing that rounding may exchange.
  np.testing.assert_array_equal(ids_NK[clear], expected[clear, :8])
  assert clear.mean() > 0.9


@pytest.mark.heavy
@pytest.mark.parametrize(
  "counts,width,k,block",
  [
    ((5, 3), 4, 3, 8192),
    ((3001, 700), 8, 4, 256),  # Tiles in both directions, the last ones not full.
    ((900, 1500), 16, 100, 128),  # More neighbours than groups in a tile.
    ((64, 1000), 6, 64, 8192),
  ],
)
def test_both_directions_rank_as_by_brute_force(counts, width, k, block, monkeypatch):
  monkeypatch.setattr(search, "QUERIES_BOTH", 512)
  rng = np.random.default_rng(4)
  x_ND, y_MD = (rng.integers(-3, 4, (n, width)).astype(np.float32) for n in counts)
  found = top_k_both(x_ND, y_MD, k, block=block)
  for (scores, ids), sides in zip(found, [(x_ND, y_MD), (y_MD, x_ND)], strict=True):
    expected = brute_force(*sides, k)
    np.testing.assert_array_equal(scores, expected[0])
    np.testing.assert_array_equal(ids, expected[1])
    assert scores.dtype == np.float32 and ids.dtype == np.int64


@pytest.mark.parametrize("most", [64, 1024, 8192])
@pytest.mark.parametrize("count", [8193, 8224, 50_000])
def test_several_blocks_are_of_one_size_with_little_padding(count, most):
  size = search._even(count, most)
  blocks = -(-count // most)
  assert size % tiles.GROUP == 0 and size <= most
  assert 0 <= blocks * size - count < blocks * tiles.GROUP


def test_one_block_is_a_power_of_two():
  assert [search._even(count, 1024) for count in (1, 5, 1023, 1024)] == [1, 8, 1024, 1024]


def test_both_directions_score_a_pair_alike(monkeypatch):
  monkeypatch.setattr(search, "QUERIES_BOTH", 128)
  x_ND = unit(np.random.default_rng(5), 400, 48)
  y_MD = unit(np.random.default_rng(6), 300, 48)
  scores_of = [
    dict(zip(zip(*pairs, strict=True), scores.ravel().tolist(), strict=True))
    for scores, pairs in both_as_pairs(top_k_both(x_ND, y_MD, 8, block=64))
  ]
  shared = scores_of[0].keys() & scores_of[1].keys()
  assert len(shared) > 500 and all(scores_of[0][pair] == scores_of[1][pair] for pair in shared)


def both_as_pairs(found):
  """(scores, (rows of x, rows of y)) of both directions."""
  for side, (scores, ids) in enumerate(found):
    row = np.repeat(np.arange(len(ids)), ids.shape[1])
    pairs = (row.tolist(), ids.ravel().tolist())
    yield scores, pairs if side == 0 else pairs[::-1]


@pytest.mark.heavy
@pytest.mark.parametrize(
  "devices,both,k", [(8, False, 7), (2, True, 7), (3, True, 2), (8, True, 7)]
)
def test_devices_rank_as_by_brute_force(devices, both, k, monkeypatch):
  """Ties between the pieces of a ring too; fewer groups in a piece than neighbours, and more."""
  use_devices(monkeypatch, devices)
  monkeypatch.setattr(search, "QUERIES_BOTH", 192)
  rng = np.random.default_rng(8)
  x_ND, y_MD = (rng.integers(-2, 3, (n, 6)).astype(np.float32) for n in (1001, 1103))
  y_MD[600:700] = y_MD[100:200]
  for (scores, ids), sides in zip(*searched(x_ND, y_MD, k, both, block=512), strict=True):
    expected = brute_force(*sides, k)
    np.testing.assert_array_equal(scores, expected[0])
    np.testing.assert_array_equal(ids, expected[1])


@pytest.mark.heavy
def test_devices_find_what_one_finds(monkeypatch):
  """The very scores, of rounded products too."""
  x_ND = unit(np.random.default_rng(9), 500, 64)
  y_MD = unit(np.random.default_rng(10), 900, 64)
  y_MD[800:] = y_MD[:100]
  for dtype, count in (("float32", 8), ("int8", 4)):
    found = []
    for devices in (1, count):
      use_devices(monkeypatch, devices)
      found.append([part for side in top_k_both(x_ND, y_MD, 5, dtype=dtype) for part in side])
    for part, one in zip(*found, strict=True):
      np.testing.assert_array_equal(part, one)


def use_devices(monkeypatch, count):
  devices = jax.devices()[:count]
  monkeypatch.setattr(jax, "local_devices", lambda: devices)
  monkeypatch.setattr(search, "SHARE", 16)


def test_few_vectors_take_one_device():
  assert [len(search._devices(*counts)) for counts in ((5, 10**6), (600, 300), (10**6,) * 2)] == [
    1,
    1,
    8,
  ]


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
@pytest.mark.parametrize("both", [False, True])
def test_rounded_products_find_what_float32_finds(dtype, both, monkeypatch):
  """Scores are float32's; what is lost to a list too short is little."""
  monkeypatch.setattr(search, "RESCORED", 100)
  rng = np.random.default_rng(7)
  x_ND, y_MD = unit(rng, 300, 96), unit(rng, 2000, 96)
  for (scores, ids), side in zip(*searched(x_ND, y_MD, 4, both, dtype=dtype), strict=True):
    expected = brute_force(*side, 4)
    assert ids.shape == expected[1].shape and (ids == expected[1]).mean() > 0.999
    same = ids == expected[1]
    np.testing.assert_allclose(scores[same], expected[0][same], atol=1e-6)


def searched(x_ND, y_MD, k, both, **options):
  """([(scores, ids)], [(queries, candidates)]) of one direction or both."""
  if both:
    return top_k_both(x_ND, y_MD, k, **options), [(x_ND, y_MD), (y_MD, x_ND)]
  return [top_k(x_ND, y_MD, k, **options)], [(x_ND, y_MD)]


class Killed(Exception):
  pass


@pytest.mark.parametrize("both,dtype", [(True, "float32"), (False, "int8")])
def test_a_killed_search_goes_on(both, dtype, monkeypatch, tmp_path, capsys):
  monkeypatch.setattr(search_state, "SECONDS", 0)
  rng = np.random.default_rng(11)
  x_ND, y_MD = (rng.integers(-2, 3, (n, 6)).astype(np.float32) for n in (130, 700))
  options = {"both": both, "dtype": dtype, "block": 128}
  straight, _ = searched(x_ND, y_MD, 3, **options)
  firsts = []
  search_block = search._search_block

  def counted(*arguments, first, **options):
    firsts.append(first)
    if firsts == [0, 128, 256]:
      raise Killed
    return search_block(*arguments, first=first, **options)

  monkeypatch.setattr(search, "_search_block", counted)
  with pytest.raises(Killed):
    searched(x_ND, y_MD, 3, state=tmp_path / "state", **options)
  found, _ = searched(x_ND, y_MD, 3, state=tmp_path / "state", **options)
  assert firsts == [0, 128, 256, 256, 384, 512, 640]
  for one, other in zip(found, straight, strict=True):
    for part, whole in zip(one, other, strict=True):
      np.testing.assert_array_equal(part, whole)
  assert not (tmp_path / "state").exists() and not capsys.readouterr().err


@pytest.mark.parametrize("both", [False, True])
def test_a_search_killed_while_it_scores_again_loses_nothing(both, monkeypatch, tmp_path):
  monkeypatch.setattr(search_state, "SECONDS", 0)
  x_ND = unit(np.random.default_rng(12), 130, 8)
  y_MD = unit(np.random.default_rng(13), 300, 8)
  options = {"both": both, "dtype": "int8", "block": 128, "state": tmp_path / "state"}
  with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
    patch.setattr(search, "rescored", lambda *_: 1 / 0)
    searched(x_ND, y_MD, 3, **options)
  monkeypatch.setattr(search, "_search_block", None)  # No block is searched again.
  (_, ids), *_ = searched(x_ND, y_MD, 3, **options)[0]
  assert (ids == brute_force(x_ND, y_MD, 3)[1]).mean() > 0.99
  assert not (tmp_path / "state").exists()


def test_another_search_begins_anew(monkeypatch, tmp_path, capsys):
  monkeypatch.setattr(search_state, "SECONDS", 0)
  x_ND = unit(np.random.default_rng(12), 50, 8)
  y_CD = unit(np.random.default_rng(13), 300, 8)
  monkeypatch.setattr(search_state.SearchState, "remove", lambda self: None)
  top_k(x_ND, y_CD, 3, block=128, state=tmp_path)
  y_CD[7] = -y_CD[7]
  for k in (3, 4):
    found = top_k(x_ND, y_CD, k, block=128, state=tmp_path)
    assert capsys.readouterr().err.count("belongs to another search; starting over.\n") == 1
    np.testing.assert_array_equal(found[1], brute_force(x_ND, y_CD, k)[1])
  assert top_k(x_ND, y_CD, 4, block=128, state=tmp_path)[1].tolist() == found[1].tolist()
  assert not capsys.readouterr().err


def test_memory_maps_and_half_precision_are_read(tmp_path):
  rng = np.random.default_rng(2)
  for name in ("x", "y"):
    np.save(tmp_path / name, unit(rng, 100, 16).astype(np.float16))
  maps = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("x", "y")]
  expected = brute_force(*(np.asarray(one, np.float32) for one in maps), 3)
  np.testing.assert_array_equal(top_k(*maps, 3)[1], expected[1])


def test_a_mesh_around_it_changes_nothing():
  rng = np.random.default_rng(3)
  x_ND, y_CD = unit(rng, 20, 16), unit(rng, 100, 16)
  with jax.set_mesh(make_mesh()):
    np.testing.assert_array_equal(top_k(x_ND, y_CD, 3)[1], brute_force(x_ND, y_CD, 3)[1])


@pytest.mark.parametrize("side,where", [(0, "query 7"), (1, "candidate 7")])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(side, where, value):
  vectors = [np.ones((20, 4), np.float32) for _ in range(2)]
  vectors[side][7, 2] = value
  with pytest.raises(InputError, match=f"{where} is not finite"):
    top_k(*vectors, 2)


def test_wrong_shapes_are_refused():
  x_ND = np.ones((5, 4), np.float32)
  with pytest.raises(InputError, match="k = 6: 1 to 5"):
    top_k(x_ND, x_ND, 6)
  with pytest.raises(InputError, match="k = 0"):
    top_k(x_ND, x_ND, 0)
  with pytest.raises(InputError, match="4 dimensions, candidates 3"):
    top_k(x_ND, x_ND[:, :3], 1)
  with pytest.raises(InputError, match=r"Queries have shape \[4\]; .* \[1, D\] for one vector"):
    top_k(x_ND[0], x_ND, 1)
  with pytest.raises(InputError, match=r"Candidates have shape \[4\]"):
    top_k(x_ND, x_ND[0], 1)


def test_one_query_is_told_which_function_takes_it():
  x_ND = np.ones((5, 4), np.float32)
  with pytest.raises(InputError, match="k = 2: 1 to 1, the number of queries.*; top_k finds"):
    top_k_both(x_ND[:1], x_ND, 2)
  assert top_k(x_ND[:1], x_ND, 2)[1].tolist() == [[0, 1]]


def test_both_directions_refuse_what_does_not_fit():
  x_ND = np.ones((5, 4), np.float32)
  with pytest.raises(InputError, match="k = 4: 1 to 3"):
    top_k_both(x_ND, x_ND[:3], 4)
  with pytest.raises(InputError, match="k = 4: 1 to 3"):
    top_k_both(x_ND[:3], x_ND, 4)
  with pytest.raises(InputError, match="Unknown dtype 'float16'"):
    top_k_both(x_ND, x_ND, 1, dtype="float16")


def unit(rng, count, width):
  x_ND = rng.normal(size=(count, width)).astype(np.float32)
  return x_ND / np.linalg.norm(x_ND, axis=1, keepdims=True)
