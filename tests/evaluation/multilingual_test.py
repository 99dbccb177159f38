"""What a page shows of a model's vectors; hubness against brute force and scipy."""

import numpy as np
import pytest
from scipy import stats

from labse_jax.evaluation import multilingual

PAIRS = {
  "fra": (["bon", "la pluie tombe encore ici"], ["good", "it is still raining here"]),
  "rus": (["ещё идёт дождь", "хорошо"], ["it is still raining here", "good"]),
  "deu": (["gut", "gut"], ["good", "fine"]),
}


def vectors_of(pairs, seed=0):
  rng = np.random.default_rng(seed)
  texts = dict.fromkeys(text for sides in pairs.values() for side in sides for text in side)
  rows = {text: rng.normal(size=4) for text in texts}
  return {text: x_D / np.linalg.norm(x_D) for text, x_D in rows.items()}


def test_the_sentence_is_easy_to_read_and_in_most_languages():
  shared = multilingual.shared_sentences(PAIRS)
  assert [sentence for sentence, _ in shared] == ["it is still raining here", "good", "fine"]
  assert shared[0][1] == {"fra": "la pluie tombe encore ici", "rus": "ещё идёт дождь"}


def test_similarities_are_of_the_texts_beside_them():
  vectors = vectors_of(PAIRS)
  shown = multilingual.look(PAIRS, vectors)
  heat = shown["heat"]
  assert heat["languages"][0] == "original" and set(heat["languages"][1:]) == {"fra", "rus"}
  for row, text in enumerate(heat["texts"]):
    for column, other in enumerate(heat["texts"]):
      assert heat["similarity"][row, column] == pytest.approx(vectors[text] @ vectors[other])
  assert shown["scripts"] == {"fra": "Latin", "rus": "Cyrillic", "deu": "Latin"}
  projected = shown["projection"]
  assert projected["sentence"] == [0] * 3 + [1] * 4 + [2] * 2
  assert projected["points"].shape == (len(projected["language"]), 2) == (9, 2)
  assert shown["hubs"]["deu"]["queries"] == 1  # Equal texts are one.


def test_the_plane_is_that_of_largest_variance():
  x_ND = np.random.default_rng(0).normal(size=(60, 5)) * [1, 9, 2, 5, 1] + 7
  points_N2, share_2 = multilingual.principal_plane(x_ND)
  values, axes = np.linalg.eigh(np.cov(x_ND.T))
  expected_N2 = (x_ND - x_ND.mean(0)) @ axes[:, [-1, -2]]
  np.testing.assert_allclose(np.abs(points_N2), np.abs(expected_N2), atol=1e-9)
  np.testing.assert_allclose(share_2, values[[-1, -2]] / values.sum())


def test_a_hub_is_named():
  texts, pivots = [f"t{n}" for n in range(40)], [f"p{n}" for n in range(40)]
  vectors = vectors_of({"x": (texts, pivots)})
  axis_D = np.eye(4)[0]
  vectors |= {text: vectors[text] * (1 - axis_D) for text in pivots} | {"p7": 5 * axis_D}
  vectors |= {text: vectors[text] + 2 * axis_D for text in texts}
  found = multilingual.hubs(texts, pivots, vectors)
  assert found["hub"] == "p7" and found["found"] == found["queries"] == 40
  assert found["forward"] > found["backward"]


def test_a_suite_without_translations_shows_nothing():
  assert multilingual.look({}, {}) == {}


@pytest.mark.parametrize("at_once", [1, 100, 1 << 24])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_counts_agree_with_brute_force(monkeypatch, at_once, k):
  monkeypatch.setattr(multilingual, "SCORES_AT_ONCE", at_once)
  x_BD, y_CD = (np.random.default_rng(seed).normal(size=(20 + seed, 4)) for seed in (0, 1))
  order_BC = np.argsort(-(x_BD @ y_CD.T), axis=1)[:, :k]
  expected = [(order_BC == place).sum() for place in range(len(y_CD))]
  assert multilingual.k_occurrence(x_BD, y_CD, k).tolist() == expected


def test_skewness_is_scipys_and_shows_a_hub():
  rng = np.random.default_rng(0)
  count_C = rng.poisson(3, 500)
  assert multilingual.skewness(count_C) == pytest.approx(stats.skew(count_C))
  assert multilingual.skewness(np.full(5, 2)) == 0
  x_ND = rng.normal(size=(200, 3))
  x_ND /= np.linalg.norm(x_ND, axis=1, keepdims=True)
  with_hub = np.concatenate([x_ND, 5 * np.ones((1, 3))])
  even, uneven = (
    multilingual.skewness(multilingual.k_occurrence(x_ND, y, 5)) for y in (x_ND, with_hub)
  )
  assert uneven > even + 1
