"""Nearest neighbours and their intervals against plain loops."""

import numpy as np
import pytest

from labse_jax.evaluation import retrieval


@pytest.mark.parametrize("block", [1 << 24, 7 * 30, 1])
def test_nearest_agrees_with_loops_in_any_blocks(monkeypatch, block):
  monkeypatch.setattr(retrieval, "SCORES_AT_ONCE", block)
  rng = np.random.default_rng(0)
  x_BD = rng.normal(size=(40, 4))
  y_CD = rng.normal(size=(30, 4))
  expected = [max(range(30), key=lambda c, x_D=x_D: x_D @ y_CD[c]) for x_D in x_BD]
  assert retrieval.nearest(x_BD, y_CD).tolist() == expected


def test_equal_vectors_give_the_first():
  """A model that has collapsed to one vector must not look good, wherever rounding falls."""
  rng = np.random.default_rng(0)
  vector_D = rng.normal(size=768).astype(np.float32)
  vector_D /= np.linalg.norm(vector_D)
  x_BD = np.repeat(vector_D[None], 999, 0)
  assert (retrieval.nearest(x_BD, x_BD) == 0).all()
  y_CD = np.concatenate([x_BD[:1] * 0.5, x_BD])
  assert (retrieval.nearest(x_BD, y_CD) == 1).all()


def test_an_equal_text_is_a_hit():
  x_BD = np.eye(3)[[0, 0, 1]]
  y_CD = np.eye(3)[[0, 1, 2]]
  assert retrieval.hits(x_BD, y_CD, ["a", "a", "c"]).tolist() == [True, True, False]


def test_draws_are_those_of_resampled_pairs():
  rng = np.random.default_rng(1)
  forward_B = rng.random(80) < 0.7
  backward_B = rng.random(80) < 0.4
  draws_R = retrieval.bootstrap(forward_B, backward_B, key=3)
  score_B = (forward_B + backward_B.astype(int)) / 2
  expected_R = score_B[rng.integers(0, 80, (10_000, 80))].mean(1)
  assert draws_R.mean() == pytest.approx(expected_R.mean(), abs=0.002)
  assert draws_R.std() == pytest.approx(expected_R.std(), rel=0.05)


def test_languages_count_the_same_and_outcomes_are_scores_of_pairs():
  table = {
    "un": [1, 0],
    "deux": [0, 1],
    "one": [1, 0],
    "two": [0, 1],
    "ein": [1, 0],
    "zwei": [1, 0],
  }

  def vectors_of(texts):
    return np.array([table[text] for text in texts], np.float32)

  pairs = {"fra": (["un", "deux"], ["one", "two"]), "deu": (["ein", "zwei"], ["one", "two"])}
  results, draws, outcomes = retrieval.retrieve(pairs, vectors_of)
  assert {name: scores.tolist() for name, scores in outcomes.items()} == {
    "fra": [1, 1],
    "deu": [1, 0],
  }
  assert results["deu"]["forward"] == results["deu"]["backward"] == 0.5
  average = retrieval.average(results, draws)
  assert average["accuracy"]["value"] == 0.75 and average["languages"] == 2
  assert retrieval.average({"fra": results["fra"]}, draws)["accuracy"]["low"] == 1
