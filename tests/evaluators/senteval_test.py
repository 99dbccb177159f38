"""SentEval's tasks by probes, on vectors that hold what is asked."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluators import senteval
from tests.support.suites import write_senteval


def encode(texts):
  """Noise that depends on the text, and whether its words agree with "good" in one direction."""
  rows = [np.random.default_rng(list(text.encode())).normal(size=8) for text in texts]
  for row, text in zip(rows, texts, strict=True):
    row[0] += 4 * ("good" in text) - 2
  rows = np.array(rows, np.float32)
  return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_probes_find_what_vectors_hold(tmp_path):
  opinions = {
    f"MR/rt-polarity.{label}": "".join(f"{word} {row}\n" for row in range(60))
    for label, word in (("pos", "good"), ("neg", "bad"))
  }
  nothing = {
    f"CR/custrev.{label}": "".join(f"{label} {row}\n" for row in range(60))
    for label in ("pos", "neg")
  }
  write_senteval(tmp_path, opinions | nothing)
  found = senteval.Evaluator(data=tmp_path).run(encode)
  result = found.report
  held, none = (result["results"][name]["accuracy"] for name in ("MR", "CR"))
  assert held["value"] > 0.9 and 0.3 < none["value"] < 0.7
  assert none["low"] == pytest.approx(none["value"] - 1.96 * 0.5 / 120**0.5, abs=0.02)
  assert result["results"]["MR"]["examples"] == 120
  assert np.mean(found.paired.by_language["CR"]) == pytest.approx(none["value"])
  average = result["average"]
  assert average["accuracy"]["value"] == pytest.approx((held["value"] + none["value"]) / 2)
  assert average["tasks"] == 2


def test_paraphrases_have_an_f1_of_pairs(tmp_path):
  header = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"

  def row(number):
    return f"{number % 2}\t1\t2\tgood {number}\t{('bad', 'good')[number % 2]} {number}x\n"

  write_senteval(
    tmp_path,
    {
      "MRPC/msr_paraphrase_train.txt": header + "".join(map(row, range(120))),
      "MRPC/msr_paraphrase_test.txt": header + "".join(map(row, range(120, 190))),
    },
  )
  evaluator = senteval.Evaluator(data=tmp_path)
  asked = []

  def remember(texts):
    asked.extend(texts)
    return encode(texts)

  result = evaluator.run(remember).report["results"]["MRPC"]
  assert evaluator.texts() == asked
  predicted_T, label_T = senteval.classify(evaluator.tasks["MRPC"], encode)
  assert label_T.tolist() == [number % 2 for number in range(120, 190)]
  pairs = list(zip(predicted_T.tolist(), label_T.tolist(), strict=True))
  precision, recall = (pairs.count((1, 1)) / sum(pair[side] for pair in pairs) for side in (0, 1))
  assert result["f1"] == pytest.approx(2 * precision * recall / (precision + recall))
  assert result["accuracy"]["value"] == pytest.approx((predicted_T == label_T).mean())
  assert result["examples"] == 70 and result["f1"] > 0.8


def test_features_of_pairs_do_not_know_their_order():
  x_ND, y_ND = np.random.default_rng(0).normal(size=(2, 5, 3))
  features = senteval.pair_features(x_ND, y_ND)
  np.testing.assert_allclose(features, senteval.pair_features(y_ND, x_ND))
  np.testing.assert_allclose(
    features[1, [0, 3]], [abs(x_ND[1, 0] - y_ND[1, 0]), x_ND[1, 0] * y_ND[1, 0]]
  )


def test_tasks_are_chosen_by_name(tmp_path):
  write_senteval(
    tmp_path,
    {
      "MR/rt-polarity.pos": "a\n",
      "MR/rt-polarity.neg": "b\n",
      "CR/custrev.pos": "a\nb\n",
      "CR/custrev.neg": "c\n",
    },
  )
  assert list(senteval.Evaluator(data=tmp_path, languages="CR").tasks) == ["CR"]
  few = senteval.Evaluator(data=tmp_path, minimum=3)
  assert list(few.tasks) == ["CR"] and few.skipped == {"MR": 2}
  with pytest.raises(InputError, match="holds no language 'TREC'; choose from MR, CR"):
    senteval.Evaluator(data=tmp_path, languages="TREC")
