"""What a page shows of a model's vectors."""

import types

import numpy as np
import pytest

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
  shown = multilingual.look(types.SimpleNamespace(pairs=PAIRS), vectors)
  heat = shown["heat"]
  assert heat["languages"][0] == "pivot" and set(heat["languages"][1:]) == {"fra", "rus"}
  for row, text in enumerate(heat["texts"]):
    for column, other in enumerate(heat["texts"]):
      assert heat["similarity"][row, column] == pytest.approx(vectors[text] @ vectors[other])
  assert shown["scripts"] == {"fra": "LATIN", "rus": "CYRILLIC", "deu": "LATIN"}
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


@pytest.mark.parametrize("pairs", [None, {"set": (["a"], ["b"], [1.0])}])
def test_a_suite_without_translations_shows_nothing(pairs):
  suite = types.SimpleNamespace(**({} if pairs is None else {"pairs": pairs}))
  assert multilingual.look(suite, {}) == {}
