"""Every evaluator keeps the contract."""

import json

import numpy as np
import pytest

from labse_jax.base import plugins
from labse_jax.evaluation import comparison
from labse_jax.evaluation.evaluator import Result
from labse_jax.evaluation.result_table import main_values
from tests.support import suites

TRANSLATIONS = {"bucc_retrieval", "tatoeba", "xsim", "xsim_plus_plus"}


class Encoder:
  """Random unit vectors; remembers the texts it was asked for."""

  def __init__(self):
    self.asked = []

  def __call__(self, texts):
    self.asked += texts
    rows = [np.random.default_rng(list(text.encode())).normal(size=8) for text in texts]
    x_ND = np.array(rows, np.float32)
    return x_ND / np.linalg.norm(x_ND, axis=1, keepdims=True)


@pytest.fixture(params=sorted(suites.WRITERS))
def evaluator(request, tmp_path):
  suite = plugins.chosen("evaluators", request.param)
  made = suite.Evaluator(data=suites.write(request.param, tmp_path / "data"))
  made.name = request.param
  return made


def test_texts_are_those_that_run_encodes(evaluator):
  encoder = Encoder()
  evaluator.run(encoder)
  assert evaluator.texts() == list(dict.fromkeys(encoder.asked))


def test_texts_are_known_without_a_model(evaluator):
  texts = evaluator.texts()
  assert len(set(texts)) == len(texts) > 0
  assert texts == evaluator.texts()


def test_pairs_are_aligned_translations(evaluator):
  pairs = evaluator.pairs()
  assert bool(pairs) is (evaluator.name in TRANSLATIONS)
  for texts, pivot_texts in pairs.values():
    assert len(texts) == len(pivot_texts)
    assert {*texts, *pivot_texts} <= set(evaluator.texts())
    assert texts[0].startswith("la page") and pivot_texts[0].startswith("the page")


def test_a_result_is_a_report_for_json_and_what_a_paired_test_needs(evaluator):
  result = evaluator.run(Encoder())
  assert isinstance(result, Result)
  assert json.loads(json.dumps(result.report)) == result.report
  assert result.report["suite"] == evaluator.name
  assert result.report["skipped"] == evaluator.skipped == {}
  assert {"results", "average"} <= set(result.report)
  # The same languages, and the main metric of each language is that of what is paired.
  values = main_values(result.report)
  assert list(result.paired.by_language) == list(values)
  for language, metric in values.items():
    array = np.asarray(result.paired.by_language[language])
    if isinstance(result.paired, comparison.Outcomes):
      assert array.mean() == pytest.approx(metric["value"])
    elif isinstance(result.paired, comparison.Counts):
      assert comparison.f1(array.sum(0)) == pytest.approx(metric["value"])
    else:
      assert np.quantile(array, 0.025) == metric["low"]
