"""Mining by margin score against plain loops in float64."""

import functools
import itertools

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.neighbours import margin
from labse_jax.neighbours.exact import top_k_both
from labse_jax.neighbours.margin import aligned_scores, candidates
from labse_jax.neighbours.settings import MARGINS
from labse_jax.neighbours.unit_vectors import unit


def texts(count_x=60, count_y=80, noise=0.5, shared=1):
  """Unit vectors of which the first 40 of each side are translations.

  All are near one direction, by as much as they have of it in common; with 0, means are near zero.
  """
  rng = np.random.default_rng(count_x)
  meaning = rng.normal(size=(max(count_x, count_y), 8)) + shared
  sides = [meaning[:count_x].copy(), meaning[:count_y].copy()]
  sides[1][40:] = rng.normal(size=(count_y - 40, 8)) + shared
  for side in sides:
    side += noise * rng.normal(size=side.shape)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
  return [side.astype(np.float32) for side in sides]


# With all of 60 rows as neighbours, means are near zero and below.
KINDS = [*((kind, 4, {}) for kind in MARGINS), ("ratio", 60, {"count_y": 60, "shared": 0})]


def oracle(x_ND, y_MD, k, kind):
  """(score of every pair {(n, m): score}, the k nearest of each x, of each y) by loops."""
  cosine = x_ND.astype(np.float64) @ y_MD.astype(np.float64).T

  def nearest(row):
    return sorted(range(len(row)), key=lambda place: -row[place])[:k]

  near_x, near_y = [nearest(row) for row in cosine], [nearest(row) for row in cosine.T]
  mean_x = [sum(row[near]) / k for row, near in zip(cosine, near_x, strict=True)]
  mean_y = [sum(row[near]) / k for row, near in zip(cosine.T, near_y, strict=True)]
  score = {}
  for n, m in itertools.product(range(len(x_ND)), range(len(y_MD))):
    mean = (mean_x[n] + mean_y[m]) / 2
    one = cosine[n][m]
    score[n, m] = {"ratio": ratio_of(one, mean), "distance": one - mean, "absolute": one}[kind]
  return score, near_x, near_y


def ratio_of(cosine, mean):
  """The ratio margin, case by case."""
  if mean >= 0.1:
    return cosine / mean
  difference = 1 + 10 * (cosine - mean)
  if cosine >= 0:
    return difference
  return -1 / (1 + difference) if difference > 0 else difference - 1


def plain_search(x_ND, y_MD, k):
  """What `top_k_both` finds."""
  found = []
  for cosine in (x_ND @ y_MD.T, y_MD @ x_ND.T):
    near = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    found.append((np.take_along_axis(cosine, near, 1), near))
  return found


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
@pytest.mark.parametrize(("kind", "k", "options"), KINDS)
def test_agrees_with_float64_loops(kind, k, options, retrieval, filtered):
  x_ND, y_MD = texts(**options)
  score, *near = oracle(x_ND, y_MD, k, kind)
  allowed = (lambda n, m: (n + m) % 3 != 0) if filtered else None
  expected = mined(score, *near, retrieval, allowed or (lambda n, m: True))
  row_x, row_y, scores = candidates(
    x_ND, y_MD, k=k, margin=kind, retrieval=retrieval, allowed=allowed
  )
  assert list(zip(row_x.tolist(), row_y.tolist(), strict=True)) == expected
  np.testing.assert_allclose(scores, [score[pair] for pair in expected], rtol=1e-5, atol=1e-5)
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


def test_the_ratio_is_lasers_where_means_are_a_tenth_or_more():
  rng = np.random.default_rng(0)
  cosine_P = rng.uniform(-1, 1, 10_000).astype(np.float32)
  mean_P = np.append(np.float32(0.1), rng.uniform(0.1, 1, 9_999)).astype(np.float32)
  np.testing.assert_array_equal(MARGINS["ratio"](cosine_P, mean_P), cosine_P / mean_P)


def test_below_a_tenth_the_ratio_goes_on_without_a_jump_and_keeps_to_the_sign():
  cosine_P = np.linspace(-1, 1, 201, dtype=np.float32)
  below_P = np.full(201, 0.1 - 1e-7, np.float32)
  positive_P = cosine_P > 0
  ratio_P = MARGINS["ratio"](cosine_P, below_P)
  np.testing.assert_allclose(ratio_P[positive_P], cosine_P[positive_P] / 0.1, atol=2e-6)
  for mean in (-1, -0.3, -1e-8, 0, 1e-8, 0.09):
    ratio_P = MARGINS["ratio"](cosine_P, np.full(201, mean, np.float32))
    assert np.isfinite(ratio_P).all() and (np.diff(ratio_P) > 0).all()
    assert (ratio_P[positive_P] > 0).all() and (ratio_P[cosine_P < 0] < 0).all()


@pytest.mark.parametrize("lines", [4, 12])
def test_in_a_small_task_no_negative_cosine_is_first_and_true_pairs_are(lines):
  """LASER's quotient put a negative cosine first in half of such tasks."""
  rng = np.random.default_rng(lines)
  first = {"ratio": 0, "distance": 0}
  for _ in range(100):
    x_ND = unit(rng.normal(size=(lines, 16)))
    y_MD = unit(x_ND + unit(rng.normal(size=(lines, 16))))
    for kind in first:
      row_x, row_y, _ = candidates(x_ND, y_MD, k=4, margin=kind, search=plain_search)
      first[kind] += row_x[0] == row_y[0]
      if kind == "ratio":
        assert x_ND[row_x[0]] @ y_MD[row_y[0]] > 0
  assert first["ratio"] >= first["distance"] > 90


def test_a_mean_of_zero_drops_no_row():
  x_ND = np.eye(2, dtype=np.float32)[:1]
  y_MD = np.eye(2, dtype=np.float32)[1:]
  row_x, row_y, score = candidates(x_ND, y_MD, k=1)
  assert (row_x.tolist(), row_y.tolist(), score.tolist()) == ([0], [0], [1])
  row = np.zeros(1, int)
  assert aligned_scores(x_ND, y_MD, row, row, k=1).tolist() == [1]


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


@pytest.mark.parametrize(("kind", "k", "options"), KINDS)
def test_given_pairs_are_scored(kind, k, options, monkeypatch):
  monkeypatch.setattr(margin, "PART", 16)
  x_ND, y_MD = texts(**options)
  rng = np.random.default_rng(0)
  row_x, row_y = rng.integers(0, 60, 50), rng.integers(0, len(y_MD), 50)  # Some more than once.
  score, *_ = oracle(x_ND, y_MD, k, kind)
  expected = [score[pair] for pair in zip(row_x.tolist(), row_y.tolist(), strict=True)]
  found = aligned_scores(x_ND, y_MD, row_x, row_y, k=k, margin=kind)
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


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
