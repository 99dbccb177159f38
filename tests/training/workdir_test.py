"""Whether a workdir holds a run of the same config."""

import json

import ml_collections
import pytest

from labse_jax.base.errors import InputError
from labse_jax.training import workdir


class Task:
  def __init__(self, *fingerprints):
    self.found = list(fingerprints)

  def fingerprints(self):
    return self.found

  def hashed(self):
    return [(f"my/file_{n}", found) for n, found in enumerate(self.found)]


def config(**changes):
  return ml_collections.ConfigDict({"seed": 0, "save_every": 10, "text": "été"} | changes)


@pytest.fixture
def run(tmp_path):
  workdir.write_config(config(), Task("a"), tmp_path)
  return tmp_path


def test_the_file_is_the_config_and_what_it_was_made_of(run):
  written = json.loads((run / "config.json").read_text("utf-8"))
  digest = written.pop("digest")
  assert written == config().to_dict() | {"fingerprints": ["a"]}
  assert workdir.recorded_config(run) == written and len(digest) == 64


def test_a_fresh_folder_and_the_same_run_are_allowed(run, tmp_path):
  workdir.check_same_run(config(), Task("a"), run)
  workdir.check_same_run(config(seed=1), Task("b"), tmp_path / "fresh")


def test_what_may_change_between_a_run_and_its_resume_may(run):
  workdir.check_same_run(config(save_every=5), Task("a"), run)


@pytest.mark.parametrize("value", [[(10, 0.5)], ()])
def test_what_is_free_to_change_may_be_left_out(tmp_path, value):
  workdir.write_config(config(expected=value), Task("a"), tmp_path)
  workdir.check_same_run(config(), Task("a"), tmp_path)


@pytest.mark.parametrize("name, default, other", [("chunks", 1, 2), ("exchange", "gather", "ring")])
def test_an_optional_field_at_its_default_is_the_same_as_none(run, name, default, other, tmp_path):
  workdir.check_same_run(config(**{name: default}), Task("a"), run)
  with pytest.raises(InputError, match=f"{name}: not set -> {other}"):
    workdir.check_same_run(config(**{name: other}), Task("a"), run)
  workdir.write_config(config(**{name: other}), Task("a"), tmp_path / "other")
  with pytest.raises(InputError, match=f"{name}: {other} -> not set"):
    workdir.check_same_run(config(), Task("a"), tmp_path / "other")


@pytest.mark.parametrize(
  ("changes", "fingerprint", "words"),
  [
    ({"seed": 1}, "a", "holds a run with another config (seed: 0 -> 1); use a new workdir."),
    ({"text": "e"}, "b", "another config (text: été -> e); use"),
    ({}, "b", "my/file_0 has changed since the run in "),
  ],
)
def test_another_run_is_refused_with_what_differs(run, changes, fingerprint, words):
  with pytest.raises(InputError) as error:
    workdir.check_same_run(config(**changes), Task(fingerprint), run)
  assert words in str(error.value)


def test_the_file_that_was_edited_is_named_and_no_other(tmp_path):
  workdir.write_config(config(), Task("a", "b", "c"), tmp_path)
  with pytest.raises(InputError) as error:
    workdir.check_same_run(config(), Task("a", "x", "c"), tmp_path)
  text = f"my/file_1 has changed since the run in {tmp_path} began; use a new workdir."
  assert str(error.value) == text


def test_a_field_that_was_set_and_is_not_any_more_is_told(tmp_path):
  workdir.write_config(config(exchange="ring", an_old_field=3, learned=()), Task("a"), tmp_path)
  with pytest.raises(InputError, match=r"config \(exchange: ring -> not set\)"):
    workdir.check_same_run(config(), Task("a"), tmp_path)
  # What is as if it were not set makes no other run, nor does a field that there is no more.
  workdir.check_same_run(config(exchange="ring"), Task("a"), tmp_path)


def test_a_damaged_config_is_said(run):
  (run / "config.json").write_text("{")
  with pytest.raises(InputError, match="cannot be read as JSON"):
    workdir.check_same_run(config(), Task("a"), run)


def test_the_length_of_a_run_is_read_as_it_was_written(tmp_path):
  assert workdir.recorded_plan(tmp_path) == (None, [])
  workdir.record_plan(tmp_path, 120)
  assert workdir.recorded_plan(tmp_path) == (120, [])
  workdir.record_plan(tmp_path, 70, (0.5, 2.0))
  assert workdir.recorded_plan(tmp_path) == (70, [0.5, 2.0])


def test_a_flipped_number_of_steps_or_of_rows_is_said(tmp_path):
  workdir.record_plan(tmp_path, 120)
  workdir.write_config(config(batch_rows=64), Task("a"), tmp_path)
  for name, before, after, read in (
    ("steps.json", "120", "121", workdir.recorded_plan),
    ("config.json", "64", "65", workdir.recorded_config),
  ):
    path = tmp_path / name
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(InputError, match=f"{name}: is damaged"):
      read(tmp_path)


def test_a_run_that_began_before_attention_had_a_dropout_of_its_own_goes_on(tmp_path):
  workdir.write_config(config(model={"dropout": 0.1}), Task("a"), tmp_path)
  same = config(model={"dropout": 0.1, "attention_dropout": 0.1})
  workdir.check_same_run(same, Task("a"), tmp_path)
  other = config(model={"dropout": 0.1, "attention_dropout": 0.0})
  with pytest.raises(InputError, match="holds a run with another config"):
    workdir.check_same_run(other, Task("a"), tmp_path)
