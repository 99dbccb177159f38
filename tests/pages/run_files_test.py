"""The files of a run: a crash may have torn one, and another may be of something else."""

import json

import pytest

from labse_jax.base.errors import InputError
from labse_jax.pages.run_files import read_evaluation, read_metrics


def test_a_torn_last_line_is_left_out(tmp_path):
  path = tmp_path / "metrics.jsonl"
  rows = [{"step": 0, "loss": 2.0}, {"step": 1, "loss": 1.0}]
  path.write_text("\n\n".join(map(json.dumps, rows)) + "\n\n")
  assert read_metrics(path) == (rows, False)
  with open(path, "ab") as file:
    file.write('{"note": "é'.encode()[:-1])
  assert read_metrics(path) == (rows, True)


def test_an_evaluation_of_several_models_is_refused(tmp_path):
  path = tmp_path / "evaluation.json"
  assert read_evaluation(path) is None
  path.write_text('{"models": {}}')
  with pytest.raises(InputError, match="compares models; evaluate this run's model alone"):
    read_evaluation(path)
