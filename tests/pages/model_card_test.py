"""What the card of a trained model says of its run."""

import json

import pytest

from labse_jax.pages import model_card
from tests.support import tiny


@pytest.fixture
def config(tmp_path):
  config = tiny.config(tmp_path, total_steps=4)
  tiny.write_dataset(tmp_path / "data", tiny.pairs(60))
  with config.unlocked():
    config.evals = {"held": {"type": "tatoeba", "every": 2, "data": str(tmp_path / "held_out")}}
  return config


def test_it_says_how_long_by_what_loss_and_from_what(config, tmp_path):
  about = model_card.about(config, tmp_path, 1_234)
  assert about.made[0].startswith("labse_jax trained it in 1,234 steps by the loss margin_softmax")
  assert about.made[1] == "It began with random weights."
  with config.unlocked():
    config.init = "org/base"
    config.teacher = {"model": "org/teacher"}
  about = model_card.about(config, tmp_path, 4)
  assert about.base == "org/base"
  assert about.made[1:] == ("It began as org/base.", "org/teacher was its teacher.")


def test_it_counts_the_pairs_by_language(config, tmp_path):
  about = model_card.about(config, tmp_path, 4)
  assert about.data[0].startswith("60 pairs of a text and its translation, of the dataset ")
  counts = [int(row.rpartition(": ")[2].rstrip(".")) for row in about.data[1].split("; ")]
  assert sum(counts) == 60 and counts == sorted(counts, reverse=True)
  assert "English (eng) with German (deu): " in about.data[1]
  assert {"eng", "deu"} <= set(about.languages)


def test_a_language_with_a_script_is_one():
  assert model_card._CODE.findall("eng-zho-Hans") == ["eng", "zho-Hans"]
  assert model_card._CODE.findall("srp-Latn-por") == ["srp-Latn", "por"]
  assert model_card._CODE.findall("eng") == ["eng"]


def test_it_shows_the_last_result_of_each_evaluator(config, tmp_path):
  rows = [{"step": 2, "held/accuracy": 0.25}, {"step": 4, "held/accuracy": 0.5, "loss": 1.0}]
  text = "".join(json.dumps(row) + "\n" for row in rows)
  (tmp_path / "metrics.jsonl").write_text(text + '{"step": 5, "held/acc')  # A crash cut it short.
  about = model_card.about(config, tmp_path, 4)
  ((what, result, on),) = about.measured
  assert (what, result) == ("accuracy (tatoeba)", "0.5000") and on.endswith("held_out")


def test_data_that_are_no_dataset_are_named(config, tmp_path):
  (tmp_path / "other").mkdir()
  config.data = str(tmp_path / "other")
  assert model_card.about(config, tmp_path, 4).data[0].endswith("/other.")
