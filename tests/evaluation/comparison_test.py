"""Paired tests against a plain bootstrap, and the reading of published figures."""

import json

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluation import comparison, resampling


def results_of(outcomes, *, metric="accuracy"):
  means = {language: float(np.mean(values)) for language, values in outcomes.items()}
  rows = {k: {metric: {"value": v, "low": v, "high": v}, "pairs": 9} for k, v in means.items()}
  average = float(np.mean(list(means.values())))
  return {"suite": "s", "results": rows, "average": {metric: average}}


def compared(first, second):
  results = {"a": results_of(first), "b": results_of(second)}
  paired = {"a": comparison.Outcomes(first), "b": comparison.Outcomes(second)}
  (one,) = comparison.compare(results, paired)
  return one


def random_outcomes(seed, rate, count=200):
  rng = np.random.default_rng(seed)
  return ((rng.random(count) < rate) / 2 + (rng.random(count) < rate) / 2).tolist()


def test_agrees_with_a_plain_paired_bootstrap():
  first, second = random_outcomes(0, 0.7), random_outcomes(1, 0.6)
  test = compared({"fra": first}, {"fra": second})["results"]["fra"]
  rng, value_B = np.random.default_rng(5), np.subtract(first, second)
  draws = np.array([value_B[rng.integers(0, 200, 200)].mean() for _ in range(4000)])
  assert test["difference"]["value"] == pytest.approx(value_B.mean())
  low, high = np.quantile(draws, [0.025, 0.975])
  assert test["difference"]["low"] == pytest.approx(low, abs=0.006)
  assert test["difference"]["high"] == pytest.approx(high, abs=0.006)
  assert test["p"] == pytest.approx(2 * min((draws <= 0).mean(), (draws >= 0).mean()), abs=0.06)


def test_pairing_sees_what_two_intervals_hide():
  first = random_outcomes(0, 0.5)
  worse = [max(0, value - 0.5) if place % 20 == 0 else value for place, value in enumerate(first)]
  assert compared({"fra": first}, {"fra": worse})["average"]["p"] < 0.05
  rng = np.random.default_rng(0)
  shuffled = rng.permutation(worse).tolist()
  assert compared({"fra": first}, {"fra": shuffled})["average"]["p"] > 0.1


def test_a_model_equals_itself_and_the_order_turns_the_sign():
  first = {"fra": random_outcomes(0, 0.7), "deu": random_outcomes(2, 0.5)}
  second = {"fra": random_outcomes(1, 0.6), "deu": random_outcomes(3, 0.4)}
  same, there, back = compared(first, first), compared(first, second), compared(second, first)
  assert same["average"] == {"difference": {"value": 0, "low": 0, "high": 0}, "p": 1}
  assert there["models"] == ["a", "b"] and there["metric"] == "accuracy"
  assert back["average"]["p"] == pytest.approx(there["average"]["p"], abs=0.02)
  for one, other in (("value", "value"), ("low", "high")):
    ends = there["average"]["difference"][one], back["average"]["difference"][other]
    assert ends[0] == pytest.approx(-ends[1], abs=0.004)


def test_under_no_difference_p_is_even(monkeypatch):
  monkeypatch.setattr(resampling, "RESAMPLES", 500)
  values = [
    compared({"x": random_outcomes(n, 0.5, 50)}, {"x": random_outcomes(n + 999, 0.5, 50)})[
      "average"
    ]["p"]
    for n in range(100)
  ]
  assert 0 < np.mean(np.array(values) < 0.05) < 0.12
  assert 0.35 < np.mean(np.array(values) < 0.5) < 0.65


def test_counts_are_tested_by_the_f1_of_what_was_drawn_for_both():
  rng = np.random.default_rng(0)
  gold_B = rng.random(300) < 0.4
  mined_2B = rng.random((2, 300)) < np.array([0.5, 0.4])[:, None]
  counts = [np.stack([mined_B & gold_B, mined_B, gold_B], 1).astype(int) for mined_B in mined_2B]
  results = {
    name: results_of({"x": [comparison.f1(counts_B3.sum(0))]}, metric="f1")
    for name, counts_B3 in zip("ab", counts, strict=True)
  }
  paired = {name: comparison.Counts({"x": one}) for name, one in zip("ab", counts, strict=True)}
  (one,) = comparison.compare(results, paired)
  drawn = np.random.default_rng(5).integers(0, 300, (4000, 300))
  f1 = [
    2 * (mined_B & gold_B)[drawn].sum(1) / (mined_B[drawn].sum(1) + gold_B[drawn].sum(1))
    for mined_B in mined_2B
  ]
  low, high = np.quantile(f1[0] - f1[1], [0.025, 0.975])
  assert one["metric"] == "f1" and one["average"] == one["results"]["x"]
  assert one["average"]["difference"]["low"] == pytest.approx(low, abs=0.01)
  assert one["average"]["difference"]["high"] == pytest.approx(high, abs=0.01)


def test_languages_of_one_name_are_drawn_together():
  rng = np.random.default_rng(0)
  zeros = {name: np.zeros(300) for name in "ab"}
  one = comparison.Outcomes(
    dict.fromkeys("ab", rng.integers(0, 2, 300)), together={"a": "file", "b": "file"}
  )
  draws = one.difference_draws(comparison.Outcomes(zeros))
  np.testing.assert_array_equal(draws["a"], draws["b"])
  apart = comparison.Outcomes(one.by_language).difference_draws(comparison.Outcomes(zeros))
  assert abs(np.corrcoef(apart["a"], apart["b"])[0, 1]) < 0.05


def test_draws_are_taken_as_they_are():
  draws = np.linspace(-1, 9, resampling.RESAMPLES)
  results = {"a": results_of({"x": [1.0]}), "b": results_of({"x": [0.5]})}
  paired = {
    "a": comparison.Draws({"x": draws}),
    "b": comparison.Draws({"x": np.zeros_like(draws)}),
  }
  (one,) = comparison.compare(results, paired)
  assert one["average"]["p"] == pytest.approx(0.2, abs=1e-3)
  assert one["results"]["x"]["difference"]["high"] == pytest.approx(8.75)


def test_a_suite_without_items_gives_the_bare_difference():
  results = {name: results_of({"x": [value]}) for name, value in (("a", 0.5), ("b", 1.0))}
  (one,) = comparison.compare(results, {"a": None, "b": None})
  assert one["average"] == {"difference": -0.5} == one["results"]["x"]
  assert comparison.summary_lines([one]) == ["a - b, accuracy: -0.500, p: not tested"]


def test_every_two_models_are_compared():
  results = {name: results_of({"x": [0.0, 1.0]}) for name in "abc"}
  made = comparison.compare(results, dict.fromkeys("abc", comparison.Outcomes({"x": [0.0, 1.0]})))
  assert [one["models"] for one in made] == [["a", "b"], ["a", "c"], ["b", "c"]]
  assert comparison.summary_lines(made)[0].endswith("0.000 (0.000 to 0.000), p: 1.000")
  tiny = {"difference": {"value": 0.1, "low": 0.0, "high": 0.2}, "p": 2e-4}
  assert comparison.test_cells(tiny) == ("+0.100 (0.000 to 0.200)", "< 0.001")


def test_published_figures_are_read(tmp_path):
  path = tmp_path / "p.json"
  path.write_text(
    json.dumps({"A": {"source": "x", "average": 1}, "B": {"source": "y", "results": {"fra": 0.5}}})
  )
  read = comparison.read_published(path)
  assert read["A"] == {"source": "x", "average": 1, "results": {}}
  assert read["B"]["results"] == {"fra": 0.5}


@pytest.mark.parametrize(
  "one, message",
  [
    (0.5, "'A' needs"),
    ({"average": 0.5}, "'A' needs"),
    ({"source": "x", "mean": 1}, "may hold source, average, languages and results alone"),
    ({"source": "x", "average": 83.7}, "'A' has 83.7 for 'average'; a fraction is needed"),
    ({"source": "x", "results": {"fra": "1"}}, "'A' has '1' for 'fra'"),
  ],
)
def test_published_figures_of_another_form_are_refused(tmp_path, one, message):
  path = tmp_path / "p.json"
  path.write_text(json.dumps({"A": one}))
  with pytest.raises(InputError, match=message):
    comparison.read_published(path)
