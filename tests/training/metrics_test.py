"""metrics.jsonl: one object a step, cut back to where a run resumes."""

import io
import json
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.training.metrics import StepLog, Writer
from labse_jax.training.speed import meter


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


@pytest.mark.parametrize(
  "torn", ['{"step": 4, "lo', '{"step"', "{", '{"stap": 4}', "[4]", '{"step": 4, "loss": "\xe9"']
)
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


def test_the_bar_says_one_time_left(tmp_path, monkeypatch):
  shown = io.StringIO()
  monkeypatch.setattr("labse_jax.base.console.on_terminal", lambda: True)
  monkeypatch.setattr(sys, "stderr", shown)
  writer = Writer(tmp_path, first_step=0, total_steps=10)
  writer.bar.update(4)
  writer.show(3, {"loss": 0.5}, left=100.0)
  writer.close()
  last = shown.getvalue().split("\r")[-1]
  assert "about 2 min left]" in last and "<" not in last


def step_metrics(loss):
  """What a train step returns, as arrays on their way."""
  values = {"loss": loss, "grad_norm": 1.0, "tokens": 10, "tlm_loss": float("nan")}
  return {name: jnp.float32(value) for name, value in values.items()}


def test_a_step_is_written_when_the_next_one_runs(tmp_path):
  log = StepLog(tmp_path, first=0, total=3, every=1)
  log.flush()  # Nothing is held yet.
  log.hold(0, step_metrics(2.0), {})
  assert read(tmp_path) == []
  log.flush()
  log.hold(1, step_metrics(1.0), {})
  log.report(1, log.fetch() | {"test/accuracy": 0.5})
  log.close()
  first, second = read(tmp_path)
  assert (first["step"], first["loss"], second["step"]) == (0, 2.0, 1)
  assert second["test/accuracy"] == 0.5 and first["tokens_per_second"] > 0
  # Of a batch without rows of a kind there is no mean.
  assert "tlm_loss" not in first


def test_only_steps_that_are_due_are_written(tmp_path):
  log = StepLog(tmp_path, first=0, total=8, every=3)
  for step in range(8):
    log.hold(step, step_metrics(1.0), {})
    log.flush()
  log.close()
  assert [row["step"] for row in read(tmp_path)] == [0, 3, 6, 7]


def test_a_loss_that_is_not_finite_keeps_its_batch(tmp_path):
  log = StepLog(tmp_path, first=0, total=3, every=1)
  log.hold(2, step_metrics(float("inf")), {"tokens": np.arange(4)})
  with pytest.raises(FloatingPointError, match="step 2: loss inf"):
    log.flush()
  log.close()
  kept = np.load(tmp_path / "not_finite_2_host_0.npz")
  assert kept["tokens"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("timed", [True, False])
def test_it_says_how_long_the_others_take(tmp_path, capsys, monkeypatch, timed):
  clock = iter(range(0, 10_000, 8))  # Each look at the clock is 8 seconds after the last one.
  monkeypatch.setattr(meter.time, "monotonic", lambda: next(clock))
  left = (lambda done: 30.0) if timed else None
  log = StepLog(tmp_path, first=0, total=1_000, every=1, left=left)
  for step in range(3):
    log.hold(step, step_metrics(2.0), {})
    log.flush()
  log.close()
  out, err = capsys.readouterr()
  lines = out.splitlines()
  if timed:
    assert all(line.endswith("about 30 s left") for line in lines) and err == ""
  else:
    assert "left" not in lines[0]
    assert lines[1].endswith("about 2 h 13 min left")
    assert err.count("a step takes about 8 s; 998 more are done in about 2 h 13 min, at ") == 1
