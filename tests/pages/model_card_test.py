"""What the card of a trained model says of its run."""

import json
import math

import pytest

from labse_jax.pages import model_card
from tests.support import tiny


def about_of(config, workdir, steps=4):
  return model_card.about(config, [config.data], workdir, steps)


@pytest.fixture
def config(tmp_path):
  config = tiny.config(tmp_path, total_steps=4)
  tiny.write_dataset(tmp_path / "data", tiny.pairs(60))
  with config.unlocked():
    config.evals = {"held": {"type": "tatoeba", "every": 2, "data": str(tmp_path / "held_out")}}
  return config


def test_it_says_how_long_by_what_loss_and_from_what(config, tmp_path):
  about = about_of(config, tmp_path, 1_234)
  assert about.made[0].startswith("labse_jax trained it in 1,234 steps by the loss margin_softmax")
  assert about.made[1] == "It began with random weights."
  with config.unlocked():
    config.init = "org/base"
    config.teacher = {"model": "org/teacher"}
  about = about_of(config, tmp_path, 4)
  assert about.base == "org/base"
  assert about.made[1:] == ("It began as org/base.", "Its teacher was org/teacher.")


def test_files_of_a_person_are_named_without_their_folders(config, tmp_path):
  config.loss = "/home/someone/my_loss.py"
  config.evals.held.type = "/home/someone/my_suite.py"
  (tmp_path / "metrics.jsonl").write_text('{"step": 3, "held/accuracy": 0.5}\n')
  about = about_of(config, tmp_path)
  assert " by the loss my_loss, seed " in about.made[0]
  assert about.measured[0][0] == "accuracy (my_suite)"
  config.task = "/home/someone/my_task.py"
  assert " by the task my_task, seed " in about_of(config, tmp_path).made[0]


def test_only_languages_that_it_learned_from_are_counted(config, tmp_path):
  with config.unlocked():
    config.language_pairs = ("eng-deu",)
  about = about_of(config, tmp_path)
  assert about.languages == ("deu", "eng")
  assert about.data[1].startswith("By language, the most first: English (eng) with German (deu): ")
  assert "; " not in about.data[1]


@pytest.mark.parametrize("name", ["language_pairs.npy", "language_pairs.json"])
def test_data_that_moved_meanwhile_are_named(name, config, tmp_path):
  (tmp_path / "data" / name).unlink()
  about = about_of(config, tmp_path)
  assert about.languages == () and about.data == (f"It learned from {tmp_path.name}/data.",)


def test_an_unknown_pair_of_languages_keeps_its_name(config, tmp_path):
  path = tmp_path / "data" / "language_pairs.json"
  names = json.loads(path.read_text())
  path.write_text(json.dumps(["ENG-x_tra", *names[1:]]))
  assert "ENG-x_tra: " in about_of(config, tmp_path).data[1]


def test_it_counts_the_pairs_by_language(config, tmp_path):
  about = about_of(config, tmp_path, 4)
  assert about.data[0].startswith("60 pairs of a text and its translation, of the dataset ")
  counts = [int(row.rpartition(": ")[2].rstrip(".")) for row in about.data[1].split("; ")]
  assert sum(counts) == 60 and counts == sorted(counts, reverse=True)
  assert "English (eng) with German (deu): " in about.data[1]
  assert {"eng", "deu"} <= set(about.languages)


def test_a_language_with_a_script_is_one():
  assert model_card._CODE.findall("eng-zho-Hans") == ["eng", "zho-Hans"]
  assert model_card._CODE.findall("srp-Latn-por") == ["srp-Latn", "por"]
  assert model_card._CODE.findall("eng") == ["eng"]


def test_it_shows_what_was_measured_after_the_last_step(config, tmp_path):
  rows = [{"step": 1, "held/accuracy": 0.25}, {"step": 3, "held/accuracy": 0.5, "loss": 1.0}]
  rows[1]["held/other"] = math.nan
  text = "".join(json.dumps(row) + "\n" for row in rows)
  (tmp_path / "metrics.jsonl").write_text(text + '{"step": 5, "held/acc')  # A crash cut it short.
  ((what, result, on),) = about_of(config, tmp_path).measured
  assert (what, result) == ("accuracy (tatoeba)", "0.5000") and on.endswith("held_out")
  assert about_of(config, tmp_path, 5).measured == ()


def test_data_that_are_no_dataset_are_named(config, tmp_path):
  (tmp_path / "other").mkdir()
  config.data = str(tmp_path / "other")
  assert about_of(config, tmp_path, 4).data[0].endswith("/other.")
