"""The files of a run: a crash may have torn one, and another may be of something else."""

import json

import pytest

from labse_jax.base.errors import InputError
from labse_jax.pages.run_files import read_evaluation, read_metrics, read_phases, read_run


def test_a_torn_last_line_is_left_out(tmp_path):
  path = tmp_path / "metrics.jsonl"
  rows = [{"step": 0, "loss": 2.0}, {"step": 1, "loss": 1.0}]
  path.write_text("\n\n".join(map(json.dumps, rows)) + "\n\n")
  assert read_metrics(path) == (rows, False)
  with open(path, "ab") as file:
    file.write('{"note": "é'.encode()[:-1])
  assert read_metrics(path) == (rows, True)


def test_a_run_needs_no_more_than_its_log(tmp_path):
  (tmp_path / "metrics.jsonl").write_text('{"step": 0}\n{"st')
  run = read_run(tmp_path)
  assert (run.log, run.torn) == ([{"step": 0}], True)
  assert (run.config, run.evaluation, run.phases) == (None, None, {})


def test_an_evaluation_of_several_models_is_refused(tmp_path):
  path = tmp_path / "evaluation.json"
  assert read_evaluation(path) is None
  path.write_text('{"models": {}}')
  with pytest.raises(InputError, match="compares models; evaluate this run's model alone"):
    read_evaluation(path)


def test_the_seconds_of_a_phase_add_up(tmp_path):
  path = tmp_path / "phases.tsv"
  assert read_phases(path) == {}
  path.write_text("corpus\t4\ntrain\t10\ntrain\t7\n")
  assert read_phases(path) == {"corpus": 4, "train": 17}
  path.write_text("corpus\t4\ntrain 10\n")
  with pytest.raises(InputError, match="phases.tsv:2: is not a phase"):
    read_phases(path)
