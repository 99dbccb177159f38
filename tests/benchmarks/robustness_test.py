"""benchmarks/robustness/: what tells a run that went on well from one that did not."""

import json

import pytest

from benchmarks.robustness import compiled_steps, step_cases
from benchmarks.robustness.kill_configs import SETUPS, get_config
from benchmarks.robustness.run_results import differing, left_behind, place, unfinished
from labse_jax.configs.loss_options import pair_losses


@pytest.fixture
def workdir(tmp_path):
  """A run that is done."""
  rows = [{"step": step, "loss": 2.5, "tokens_per_second": 7.0 + step} for step in (0, 1)]
  (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
  (tmp_path / "model").mkdir()
  (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
  return tmp_path


@pytest.mark.parametrize(
  ("file", "old", "new", "said"),
  [
    ("metrics.jsonl", "7.0", "9.0", ""),
    ("metrics.jsonl", "2.5", "2.5000002", "the row of step 0"),
    ("metrics.jsonl", '"step": 1', '"step": 2', "the row of step 1"),
    ("model/model.safetensors", "weights", "Weights", "model/model.safetensors"),
  ],
)
def test_a_run_differs_by_its_rows_without_times_and_by_its_model(workdir, file, old, new, said):
  straight = left_behind(workdir)
  path = workdir / file
  path.write_text(path.read_text().replace(old, new))
  assert differing(straight, left_behind(workdir)) == said


def test_a_run_differs_by_a_missing_row_and_file(workdir):
  straight = left_behind(workdir)
  (workdir / "metrics.jsonl").write_text('{"step": 0, "loss": 2.5}\n')
  (workdir / "model" / "model.safetensors").unlink()
  assert differing(straight, left_behind(workdir)) == "1 rows, not 2, model/model.safetensors"


def test_where_a_kill_fell(tmp_path):
  checkpoints = tmp_path / "checkpoints"
  found = [place(tmp_path, set())]
  (checkpoints / "3.tmp").mkdir(parents=True)
  found.append(place(tmp_path, set()))
  before = unfinished(tmp_path)  # What a first kill left is not what the second one fell into.
  (checkpoints / "0").mkdir()
  found.append(place(tmp_path, before))
  (tmp_path / "model.partial").mkdir()
  found.append(place(tmp_path, before))
  (tmp_path / "model").mkdir()
  found.append(place(tmp_path, before))
  assert found == [
    "before the first checkpoint",
    "while a checkpoint was written",
    "between checkpoints",
    "while the model was written",
    "after the model",
  ]


def test_sixteen_trainings_are_killed(tmp_path):
  assert len(SETUPS) == 16
  changed = {name: get_config(f"name={name},folder={tmp_path}").to_json() for name in SETUPS}
  del changed["two_processes"]  # That of "gather".
  assert len({*changed.values()}) == 15


def test_every_loss_over_pairs_has_its_cases():
  cases = list(step_cases.all_cases())
  assert {case.loss for case in cases} == {*pair_losses()}
  assert len({case.name for case in cases}) == len(cases)
  learned = {case.loss for case in cases if case.learned}
  assert {"margin_softmax", "sigmoid"} <= learned and "mse_distillation" not in learned
  of_one = [case for case in cases if case.loss == "sigmoid"]
  assert len(of_one) == 2**4


@pytest.mark.parametrize(
  ("first", "second", "said"),
  [
    ([1.5, 2.0], [1.5, 2.0], "same"),
    ([1.5, 2.0], [1.5, 2.0000002], "other losses"),
    ([1.5, 2.0], [1.5, float("nan")], "not finite"),
    ([1.5, float("inf")], [1.5, float("inf")], "not finite"),
    ([1.5, 2.0], "ended with status -6", "ended with status -6"),
  ],
)
def test_what_is_said_of_a_second_start(first, second, said):
  assert compiled_steps.verdict(first, second) == said
