"""What decoys find, against plain loops and against mining with their partners really removed."""

import numpy as np
import pytest

from labse_jax.mining.decoys import Neighbours, decoy_scores
from labse_jax.neighbours.margin import MARGINS, neighbour_scores, retrieved

K = 3


def pool(count_x=40, count_y=50, true=25, noise=0.45):
  """Unit vectors, float64; rows 0 to `true` - 1 of both sides are translations."""
  rng = np.random.default_rng(0)
  x_ND, y_MD = rng.normal(size=(count_x, 8)) + 1, rng.normal(size=(count_y, 8)) + 1
  y_MD[:true] = x_ND[:true] + noise * rng.normal(size=(true, 8))
  return [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (x_ND, y_MD)]


def neighbours(cosine_NM, allowed):
  neighbour_NK = np.argsort(-cosine_NM, axis=1, kind="stable")[:, : K + 1]
  allowed_NK = np.array([[allowed(n, m) for m in row] for n, row in enumerate(neighbour_NK)])
  return Neighbours(np.take_along_axis(cosine_NM, neighbour_NK, 1), neighbour_NK, allowed_NK)


def both_sides(cosine_NM, allowed):
  return neighbours(cosine_NM, allowed), neighbours(cosine_NM.T, lambda m, n: allowed(n, m))


def mined(near, margin, allowed):
  nearest = [(side.cosine_NK[:, :-1], side.neighbour_NK[:, :-1]) for side in near]

  def each(n, m):
    return np.array([allowed(*pair) for pair in zip(n, m, strict=True)], bool)

  return retrieved(*neighbour_scores(*nearest, margin), "max", each)


def found_without(cosine, source, partner, found, score, allowed):
  """The best score of a source among what it could be paired with, by loops."""

  def near(values):
    return sorted(range(len(values)), key=lambda i: -values[i])[:K]

  def mean(values):
    return sum(sorted(values)[-K:]) / K

  others = [m for m in range(cosine.shape[1]) if m != partner]
  means = {n: mean(row) for n, row in enumerate(cosine)}
  means[source] = mean([cosine[source, m] for m in others])

  def value(n, m):
    return score(cosine[n, m], (means[n] + mean(cosine[:, m])) / 2)

  nearest = [others[i] for i in near([cosine[source, m] for m in others])]
  possible = [m for m in nearest if allowed(source, m)]
  wanted = {max(possible, key=lambda m: value(source, m))} if possible else set()
  for m in others:
    rivals = [n for n in near(cosine[:, m]) if allowed(n, m)]
    if source in rivals and max(rivals, key=lambda n: value(n, m)) == source:
      wanted.add(m)
  holders = {m: (n, s) for n, m, s in zip(*found, strict=True)}

  def free(m):
    return m not in holders or holders[m][0] == source or value(source, m) > holders[m][1] + 1e-6

  return max((value(source, m) for m in wanted if free(m)), default=-np.inf)


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("wrong", [False, True])
def test_scores_are_those_of_plain_loops(margin, filtered, wrong):
  """Also of pairs that mining did not find, as gold ones may be."""
  x_ND, y_MD = pool()
  allowed = (lambda n, m: (n + m) % 7 != 0 or n == m) if filtered else (lambda n, m: True)
  rows = np.arange(20)
  pairs_2G = np.stack([rows, rows + 1 if wrong else rows])
  cosine = x_ND @ y_MD.T
  near = both_sides(cosine, allowed)
  found = mined(near, margin, allowed)
  got = decoy_scores(*near, pairs_2G, found, MARGINS[margin])
  expected = [found_without(cosine, *pair, found, MARGINS[margin], allowed) for pair in pairs_2G.T]
  np.testing.assert_allclose(got, expected, atol=1e-6)
  assert 0.2 < np.isfinite(got).mean() < 1


def test_the_example_of_the_docstring():
  """x0 finds y2, which is free; x1 finds y0, which is in a better pair."""
  cosine_NM = np.array([[0.9, 0.2, 0.5], [0.4, 0.8, 0.1]])

  def nearest(cosine):
    neighbour_NK = np.argsort(-cosine, axis=1)[:, :2]
    everything = np.ones_like(neighbour_NK, bool)
    return Neighbours(np.take_along_axis(cosine, neighbour_NK, 1), neighbour_NK, everything)

  rows = np.array([0, 1])
  found = (rows, rows, np.array([0.9, 0.8]))
  pairs_2G = np.stack([rows, rows])
  near = (nearest(cosine_NM), nearest(cosine_NM.T))
  assert decoy_scores(*near, pairs_2G, found, MARGINS["absolute"]).tolist() == [0.5, -np.inf]


def test_they_are_what_mining_finds_with_the_partner_removed():
  """But where the removal moves other pairs, which is rare."""
  x_ND, y_MD = pool()

  def everything(n, m):
    return True

  cosine, rows = x_ND @ y_MD.T, np.arange(20)
  near = both_sides(cosine, everything)
  found = mined(near, "ratio", everything)
  got = decoy_scores(*near, np.stack([rows, rows]), found, MARGINS["ratio"])
  real = []
  for row in rows:
    removed = both_sides(np.delete(cosine, row, 1), everything)
    n_P, _, score_P = mined(removed, "ratio", everything)
    real.append(score_P[n_P == row][0] if row in n_P else -np.inf)
  same = np.isclose(got, real, atol=1e-5) | (np.isinf(got) & np.isinf(real))
  assert same.mean() >= 0.9


def test_nothing_is_found_where_nothing_is_allowed():
  x_ND, y_MD = pool()

  def nothing(n, m):
    return False

  near = both_sides(x_ND @ y_MD.T, nothing)
  none = (np.zeros(0, int), np.zeros(0, int), np.zeros(0))
  got = decoy_scores(*near, np.array([[0, 1], [0, 1]]), none, MARGINS["ratio"])
  assert np.isneginf(got).all()
