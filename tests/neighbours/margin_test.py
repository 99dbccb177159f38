"""Mining by margin score against plain loops in float64."""

import functools
import itertools

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.neighbours import margin
from labse_jax.neighbours.exact import top_k_both
from labse_jax.neighbours.margin import aligned_scores, candidates


def texts(count_x=60, count_y=80, noise=0.5):
  """Unit vectors of which the first 40 of each side are translations; all near one direction."""
  rng = np.random.default_rng(count_x)
  meaning = rng.normal(size=(max(count_x, count_y), 8)) + 1
  sides = [meaning[:count_x].copy(), meaning[:count_y].copy()]
  sides[1][40:] = rng.normal(size=(count_y - 40, 8)) + 1
  for side in sides:
    side += noise * rng.normal(size=side.shape)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
  return [side.astype(np.float32) for side in sides]


def oracle(x_ND, y_MD, k, kind):
  """(score of every pair {(n, m): score}, the k nearest of each x, of each y) by loops."""
  cosine = x_ND.astype(np.float64) @ y_MD.astype(np.float64).T

  def nearest(row):
    return sorted(range(len(row)), key=lambda place: -row[place])[:k]

  near_x, near_y = [nearest(row) for row in cosine], [nearest(row) for row in cosine.T]
  score = {}
  for n, m in itertools.product(range(len(x_ND)), range(len(y_MD))):
    mean = (sum(cosine[n][c] for c in near_x[n]) / k + sum(cosine[c][m] for c in near_y[m]) / k) / 2
    one = cosine[n][m]
    score[n, m] = {"ratio": one / mean, "distance": one - mean, "absolute": one}[kind]
  return score, near_x, near_y


def mined(score, near_x, near_y, retrieval, allowed):
  """The pairs that a retrieval takes, best first."""

  def best(pairs):
    return max(pairs, key=score.get) if pairs else None

  forward = {best([(n, m) for m in near if allowed(n, m)]) for n, near in enumerate(near_x)}
  backward = {best([(n, m) for n in near if allowed(n, m)]) for m, near in enumerate(near_y)}
  kinds = {"forward": forward, "backward": backward, "intersection": forward & backward}
  pairs = sorted(kinds.get(retrieval, forward | backward) - {None}, key=score.get, reverse=True)
  if retrieval != "max":
    return pairs
  kept = []
  for n, m in pairs:
    if all(n != a and m != b for a, b in kept):
      kept.append((n, m))
  return kept


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("retrieval", margin.RETRIEVALS)
@pytest.mark.parametrize("kind", margin.MARGINS)
def test_agrees_with_float64_loops(kind, retrieval, filtered):
  x_ND, y_MD = texts()
  score, *near = oracle(x_ND, y_MD, 4, kind)
  allowed = (lambda n, m: (n + m) % 3 != 0) if filtered else None
  expected = mined(score, *near, retrieval, allowed or (lambda n, m: True))
  row_x, row_y, scores = candidates(
    x_ND, y_MD, k=4, margin=kind, retrieval=retrieval, allowed=allowed
  )
  assert list(zip(row_x.tolist(), row_y.tolist(), strict=True)) == expected
  np.testing.assert_allclose(scores, [score[pair] for pair in expected], rtol=1e-5, atol=1e-6)
  assert len(expected) > 20 and (np.diff(scores) <= 0).all()


def test_retrievals_margins_and_filters_differ():
  """Else the test above would not tell them apart."""
  seen = []
  for kind, k in (("ratio", 4), ("ratio", 7), ("distance", 4), ("absolute", 4)):
    scored = oracle(*texts(), k, kind)
    seen += [
      mined(*scored, retrieval, allowed)
      for retrieval in margin.RETRIEVALS
      for allowed in (lambda n, m: True, lambda n, m: (n + m) % 3 != 0)
    ]
  assert len({str(pairs) for pairs in seen}) == len(seen) == 40


def test_a_row_with_no_neighbour_allowed_is_in_no_pair():
  x_ND, y_MD = texts()
  none = candidates(x_ND, y_MD, k=4, allowed=lambda n, m: np.zeros(len(n), bool))
  assert [len(column) for column in none] == [0, 0, 0]
  some = candidates(x_ND, y_MD, k=4, retrieval="union", allowed=lambda n, m: n == 7)
  assert set(some[0].tolist()) == {7}


def test_equal_scores_come_in_the_order_of_their_rows():
  x_ND = np.eye(6, dtype=np.float32)
  for retrieval in margin.RETRIEVALS:
    row_x, row_y, scores = candidates(x_ND, x_ND[::-1], k=2, retrieval=retrieval)
    assert row_x.tolist() == list(range(6)) and row_y.tolist() == list(range(5, -1, -1))
    np.testing.assert_array_equal(scores, 2)  # 1 / ((1 + 0) / 2).


@pytest.mark.parametrize("kind", margin.MARGINS)
def test_given_pairs_are_scored(kind, monkeypatch):
  monkeypatch.setattr(margin, "PART", 16)
  x_ND, y_MD = texts()
  rng = np.random.default_rng(0)
  row_x, row_y = rng.integers(0, 60, 50), rng.integers(0, 80, 50)  # Some more than once.
  score, *_ = oracle(x_ND, y_MD, 4, kind)
  expected = [score[pair] for pair in zip(row_x.tolist(), row_y.tolist(), strict=True)]
  found = aligned_scores(x_ND, y_MD, row_x, row_y, k=4, margin=kind)
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_bfloat16_mines_the_same():
  x_ND, y_MD = texts(noise=0.1)
  found = [
    candidates(x_ND, y_MD, k=4, search=functools.partial(top_k_both, dtype=dtype))
    for dtype in ("float32", "bfloat16")
  ]
  np.testing.assert_array_equal(found[0][:2], found[1][:2])
  np.testing.assert_allclose(found[0][2], found[1][2], rtol=1e-5)


def test_unknown_names_are_refused():
  x_ND, y_MD = texts()
  with pytest.raises(InputError, match="Unknown margin 'rato'; did you mean 'ratio'"):
    candidates(x_ND, y_MD, k=4, margin="rato")
  with pytest.raises(InputError, match="Unknown retrieval 'maxi'"):
    candidates(x_ND, y_MD, k=4, retrieval="maxi")
