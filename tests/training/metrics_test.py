"""metrics.jsonl: one object a step, cut back to where a run resumes."""

import json

import pytest

from labse_jax.training.metrics import Writer


def read(path):
  return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def write(path, steps, *, first_step=0):
  writer = Writer(path, first_step=first_step, total_steps=10)
  for step in steps:
    writer.write(step, {"loss": step / 2})
  writer.close()


def test_one_object_a_step(tmp_path):
  write(tmp_path, range(3))
  assert read(tmp_path) == [{"step": n, "loss": n / 2} for n in range(3)]


@pytest.mark.parametrize("first", [0, 2, 5])
def test_a_resumed_run_has_each_step_once(tmp_path, first):
  write(tmp_path, range(5))
  write(tmp_path, range(first, 7), first_step=first)
  assert [line["step"] for line in read(tmp_path)] == list(range(7))


@pytest.mark.parametrize("torn", ['{"step": 4, "lo', '{"step"', "{", '{"step": 4, "loss": "\xe9"'])
def test_a_torn_last_line_goes(tmp_path, torn):
  write(tmp_path, range(4))
  with open(tmp_path / "metrics.jsonl", "a") as file:
    file.write(torn)
  write(tmp_path, range(4, 6), first_step=4)
  assert [line["step"] for line in read(tmp_path)] == list(range(6))


def test_a_whole_last_line_without_its_end_stays_a_line(tmp_path):
  write(tmp_path, range(3))
  path = tmp_path / "metrics.jsonl"
  path.write_bytes(path.read_bytes()[:-1])
  write(tmp_path, range(3, 5), first_step=3)
  assert [line["step"] for line in read(tmp_path)] == list(range(5))


def test_steps_are_readable_while_the_run_goes_on(tmp_path):
  writer = Writer(tmp_path, first_step=0, total_steps=10)
  writer.write(0, {"loss": 1.0})
  assert read(tmp_path) == [{"step": 0, "loss": 1.0}]
  writer.close()


def test_without_a_terminal_progress_is_plain_lines(tmp_path, capsys):
  writer = Writer(tmp_path, first_step=0, total_steps=10)
  writer.show(3, {"loss": 0.123456, "negatives": 4096})
  writer.close()
  assert capsys.readouterr().out == "step 3/10: loss 0.1235, negatives 4,096\n"
