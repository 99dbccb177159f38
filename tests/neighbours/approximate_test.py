"""The index of faiss beside exact search."""

import importlib
import sys

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.neighbours import exact as search

pytest.importorskip("faiss", reason="needs faiss: pip install labse_jax[faiss]")

from labse_jax.neighbours import approximate  # noqa: E402

K = 4


@pytest.fixture(scope="module")
def sides():
  """Vectors near 100 centres; each y has its x, and the last 100 of y are the first again."""
  rng = np.random.default_rng(0)
  x_ND = rng.normal(size=(100, 32))[rng.integers(0, 100, 2100)] + rng.normal(size=(2100, 32))
  y_MD = x_ND[:2000] + 0.3 * rng.normal(size=(2000, 32))
  y_MD[1900:] = y_MD[:100]
  return [(z / np.linalg.norm(z, axis=1, keepdims=True)).astype(np.float32) for z in (x_ND, y_MD)]


@pytest.fixture(scope="module")
def found(sides, tmp_path_factory):
  folder = tmp_path_factory.mktemp("maps")
  for name, side in zip("xy", sides, strict=True):
    np.save(folder / name, side)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(approximate, "FEWEST", 1000)
    patch.setattr(approximate, "BLOCK", 512)  # Several, the last one not full.
    maps = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in "xy"]
    return approximate.top_k_both(*maps, K, sample=10**6)


@pytest.mark.heavy
def test_most_neighbours_are_found_and_the_share_is_told(sides, found):
  exact = search.top_k_both(*sides, K)
  for (scores, ids), (true_scores, true_ids), recall in zip(
    found[:2], exact, found[2:], strict=True
  ):
    assert scores.shape == true_scores.shape and scores.dtype == np.float32
    assert ids.shape == true_ids.shape and ids.dtype == np.int64
    same = np.mean([len(set(a) & set(b)) / K for a, b in zip(ids, true_ids, strict=True)])
    assert same > 0.9 and recall == pytest.approx(same, abs=2e-3)  # Of equals, either counts.


def test_scores_are_exact_and_in_order(sides, found):
  for (scores, ids), (queries, candidates) in zip(found[:2], (sides, sides[::-1]), strict=True):
    expected = np.einsum("nd,nkd->nk", queries, candidates[ids])
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert (np.diff(ids, axis=1) > 0)[np.diff(scores, axis=1) == 0].all()
  assert (np.diff(found.near_x[0], axis=1) == 0).sum() > 50  # The copies.


def test_recall_counts_scores_that_are_as_good():
  exact_Sk = np.array([[0.9, 0.8], [0.7, 0.6]])
  assert approximate.recall(exact_Sk, exact_Sk) == 1
  assert approximate.recall(np.array([[0.9, 0.7], [0.6, 0.6]]), exact_Sk) == 0.75


def test_lists_are_full_where_the_index_finds_too_few(sides, monkeypatch):
  monkeypatch.setattr(approximate, "PROBED", 1)  # A list has some 16 vectors.
  queries, candidates = sides[0][:20], sides[1]
  scores, ids = approximate._search(approximate._index(candidates), queries, candidates, 200)
  np.testing.assert_array_equal(ids, search.top_k(queries, candidates, 200)[1])
  assert ids.min() >= 0 and np.isfinite(scores).all()


def test_what_cannot_be_searched_is_refused():
  x_ND, y_MD = (np.ones((10_000, 4), np.float32) for _ in range(2))
  with pytest.raises(InputError, match="9,999 vectors are too few for an index; 10,000 are"):
    approximate.top_k_both(x_ND, y_MD[:9999], K)
  with pytest.raises(InputError, match="k = 10001: 1 to 10,000"):
    approximate.top_k_both(x_ND, y_MD, 10_001)
  with pytest.raises(InputError, match="4 dimensions, candidates 3"):
    approximate.top_k_both(x_ND, y_MD[:, :3], K)
  y_MD[77, 3] = np.nan
  with pytest.raises(InputError, match="candidate 77 is not finite"):
    approximate.top_k_both(x_ND, y_MD, K)


def test_without_faiss_one_line_says_so(monkeypatch):
  monkeypatch.setitem(sys.modules, "faiss", None)
  monkeypatch.delitem(sys.modules, "labse_jax.neighbours.approximate")
  with pytest.raises(InputError, match=r"^faiss is needed: pip install 'labse_jax\[faiss\]'"):
    importlib.import_module("labse_jax.neighbours.approximate")
