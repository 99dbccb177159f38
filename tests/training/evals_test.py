"""Every suite during training, and from the command line beside another model."""

import json

from ml_collections import ConfigDict
import numpy as np
import pytest

from labse_jax import evaluate
from labse_jax import train as trainer
from labse_jax.base import plugins
from labse_jax.base.errors import InputError
from labse_jax.evaluation.resampling import interval
from labse_jax.evaluation.result_table import main_metric
from labse_jax.training import evals
from tests.support import suites, tiny

METRICS = {
  "bucc": "f1",
  "bucc_retrieval": "accuracy",
  "senteval": "accuracy",
  "sts": "spearman",
  "tatoeba": "accuracy",
  "un": "p_at_1",
  "xsim": "error",
  "xsim_plus_plus": "error",
}


def test_every_suite_is_here():
  assert set(plugins.names("evaluators")) == set(METRICS) == set(suites.WRITERS)


def sections(folder):
  return {
    suite: dict(type=suite, every=1, data=str(suites.write(suite, folder / suite)))
    for suite in METRICS
  }


@pytest.mark.heavy
def test_every_suite_is_run_by_a_section_of_the_config(tiny_encoder, tmp_path):
  for evaluation in evals.make_evals(ConfigDict(sections(tmp_path))):
    values, suite = evaluation.run(tiny_encoder), evaluation.name
    assert -1 <= values[f"{suite}/{METRICS[suite]}"] <= 1


@pytest.mark.slow
def test_every_suite_runs_between_the_steps_of_training(folder, tmp_path):
  config = tiny.config(folder, total_steps=1)
  with config.unlocked():
    config.evals.update(sections(tmp_path))
  trainer.train(config, tmp_path / "run")
  (row,) = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
  for suite, metric in METRICS.items():
    assert -1 <= row[f"{suite}/{metric}"] <= 1, suite


@pytest.mark.parametrize("suite, metric", METRICS.items())
def test_every_suite_has_intervals_and_tests_two_models(tmp_path, suite, metric):
  common = ["--suite", suite, "--data", str(suites.write(suite, tmp_path / "data"))]
  evaluate.main([*common, "--write-texts", str(tmp_path / "a.txt")])
  texts = (tmp_path / "a.txt").read_text("utf-8")
  (tmp_path / "b.txt").write_text(texts, "utf-8")
  for seed, name in enumerate("ab"):
    x_ND = np.random.default_rng(seed).normal(size=(len(texts.splitlines()), 16))
    np.save(tmp_path / f"{name}.npy", x_ND.astype(np.float32))
  models = [part for name in "ab" for part in ("--model", str(tmp_path / f"{name}.npy"))]
  evaluate.main([*common, *models, "--output", str(tmp_path / "both.json")])
  written = json.loads((tmp_path / "both.json").read_text())
  for result in written["models"].values():
    assert main_metric(result) == metric
    for values in (*result["results"].values(), result["average"]):
      assert set(values[metric]) == set(interval(0, [0]))
      assert values[metric]["low"] <= values[metric]["value"] <= values[metric]["high"]
  (test,) = written["comparisons"]
  for difference in (test["average"], *test["results"].values()):
    assert 0 < difference["p"] <= 1 and difference["difference"]["low"] < 1


@pytest.mark.parametrize("every", ["5", 0, -1, 2.5, True, None])
def test_every_is_a_number_of_steps(tmp_path, every):
  config = ConfigDict({"a": dict(type="tatoeba", every=every, data=str(tmp_path))})
  with pytest.raises(InputError, match=f"config.evals.a.every = {every!r}; it must be a number"):
    evals.make_evals(config)


def test_options_that_a_suite_does_not_have_are_named(tmp_path):
  config = ConfigDict({"a": dict(type="tatoeba", every=2, data=str(tmp_path), pivot="eng")})
  with pytest.raises(InputError, match=r"evals\.a: .*unexpected keyword argument 'pivot'"):
    evals.make_evals(config)
