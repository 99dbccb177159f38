"""Stop anywhere, go on exactly: runs in processes of their own, killed and started again."""

import json
import os
import signal
import time

import jax
import numpy as np
import pytest

from labse_jax import train as trainer
from labse_jax.base import sharding
from labse_jax.base.errors import InputError
from labse_jax.training.metrics import Writer
from labse_jax.training.stopper import Stopper
from tests.support import tiny
from tests.support.runs import STEPS, command, finish, start


def losses(workdir):
  """[(step, loss, gradient norm)] as they stand in metrics.jsonl."""
  rows = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
  return [(row["step"], row["loss"], row["grad_norm"]) for row in rows if "loss" in row]


def wait_for_step(workdir, step, process):
  path = workdir / "metrics.jsonl"
  while not path.exists() or path.read_text().count("\n") <= step:
    assert process.poll() is None, process.communicate()[1][-3000:]
    time.sleep(0.02)


@pytest.fixture(scope="module")
def straight(folder):
  """A run that nobody stopped."""
  finish(start(folder, folder / "straight"))
  return folder / "straight"


@pytest.mark.heavy
def test_a_run_leaves_what_it_promises(straight):
  rows = [json.loads(line) for line in (straight / "metrics.jsonl").read_text().splitlines()]
  assert [row["step"] for row in rows] == list(range(STEPS))
  for name in (
    "loss",
    "grad_norm",
    "learning_rate",
    "sentences_per_second",
    "tokens_per_second",
    "tokens_per_second_per_device",
    "input_wait",
    "compile_seconds",
    "negatives",
    "pairs",
    "tokens",
    "in_batch_accuracy",
  ):
    assert all(np.isfinite(row[name]) for row in rows), name
  assert rows[-1]["loss"] < rows[0]["loss"]
  assert (straight / "model" / "modules.json").exists()
  card = (straight / "model" / "README.md").read_text("utf-8")
  assert f"labse_jax trained it in {STEPS} steps by the loss margin_softmax" in card
  assert " pairs of a text and its translation, of the dataset " in card
  assert json.loads((straight / "config.json").read_text())["loss"] == "margin_softmax"


def contents(folder):
  return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.heavy
def test_killed_at_two_steps_and_resumed_is_bit_identical(folder, straight):
  workdir = folder / "killed"
  for step in (7, 16):
    process = start(folder, workdir)
    wait_for_step(workdir, step, process)
    if step == 16:  # A second run meanwhile is sent away; the first stands still, and so its files.
      process.send_signal(signal.SIGSTOP)
      os.waitid(os.P_PID, process.pid, os.WSTOPPED)
      before = contents(workdir)
      said = finish(start(folder, workdir), 2)
      assert f"another process is writing there: process {process.pid} on" in said
      assert "Traceback" not in said and contents(workdir) == before
    process.send_signal(signal.SIGKILL)
    process.communicate()
  finish(start(folder, workdir))
  assert losses(workdir) == losses(straight)
  ours, theirs = ((w / "model" / "model.safetensors").read_bytes() for w in (workdir, straight))
  assert ours == theirs


@pytest.mark.heavy
def test_sigterm_saves_first_and_a_damaged_checkpoint_gives_way(folder, straight):
  workdir = folder / "stopped"
  process = start(folder, workdir)
  wait_for_step(workdir, 8, process)
  process.send_signal(signal.SIGTERM)
  assert "is saved" in finish(process, 128 + signal.SIGTERM)
  steps = sorted(int(p.name) for p in (workdir / "checkpoints").iterdir() if p.name.isdigit())
  assert len(steps) == 2 and steps[-1] >= 9
  assert losses(workdir) == losses(straight)[: steps[-1]]  # Nothing done was lost.
  for path in (workdir / "checkpoints" / str(steps[-1])).rglob("*"):
    if path.is_file() and path.stat().st_size > 1000:
      path.write_bytes(path.read_bytes()[:500])
  said = finish(start(folder, workdir))
  assert f"the checkpoint of step {steps[-1]} is damaged" in said
  assert losses(workdir) == losses(straight)
  assert "this run is done" in finish(start(folder, workdir))


@pytest.mark.heavy
def test_ctrl_c_saves_and_exits_130_without_a_traceback(folder):
  workdir = folder / "interrupted"
  process = start(folder, workdir)
  wait_for_step(workdir, 2, process)
  process.send_signal(signal.SIGINT)
  said = finish(process, 130)
  assert "Traceback" not in said and "is saved" in said


@pytest.mark.heavy
def test_a_signal_at_the_last_step_still_gives_the_model(folder, tmp_path, monkeypatch, capsys):
  def asked(self, step):
    return signal.SIGTERM if step == 1 else 0

  monkeypatch.setattr(Stopper, "asked", asked)
  trainer.main(command(folder, tmp_path / "run", "--config.total_steps=2")[3:])
  assert (tmp_path / "run" / "model" / "modules.json").exists()
  assert "stopped" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_budget_of_seconds_fixes_the_steps_once(folder):
  workdir = folder / "budget"
  extra = ("--config.total_steps=0", "--config.seconds=40", "--config.save_every=1000")
  process = start(folder, workdir, *extra)
  wait_for_step(workdir, 3, process)
  process.send_signal(signal.SIGTERM)
  before = finish(process, 128 + signal.SIGTERM)
  after = finish(start(folder, workdir, *extra, "--config.seconds=1"))
  total = int(before.split(" steps of ")[0].split()[-1].replace(",", ""))
  assert " steps of " not in after  # Not measured again.
  assert losses(workdir)[-1][0] == total - 1


@pytest.mark.heavy
@pytest.mark.parametrize(
  "extra,words",
  [
    (["--config.batch_rows=12"], "batch_rows = 12: not divisible by 8 devices"),
    (["--config.chunks=2"], "not divisible by 8 devices x 2 chunks"),
    (["--config.mesh.fsdp=3"], "mesh.fsdp = 3 does not divide the 8 devices"),
    (["--config.task=dual_encode"], "did you mean 'dual_encoder'"),
    (["--config.data=/nowhere"], "/nowhere"),
    (["--config.tokenizer=/nowhere"], "/nowhere: has no tokenizer"),
    (["--config.schedule.decay=cosin"], "did you mean 'cosine'"),
    (["--config.seconds=5"], "one of total_steps and seconds"),
  ],
)
def test_wrong_config_is_one_line_and_exit_2(folder, tmp_path, extra, words, capfd):
  with pytest.raises(SystemExit) as stop:
    from labse_jax.base.errors import run

    run(trainer.main, command(folder, tmp_path / "run", *extra)[3:])
  err = capfd.readouterr().err.strip()
  assert stop.value.code == 2 and words in err and "\n" not in err, err


@pytest.mark.heavy
def test_a_workdir_of_another_config_is_refused(folder, straight, tmp_path):
  config = tiny.config(folder)
  config.seed = 7
  (tmp_path / "config.json").write_text((straight / "config.json").read_text())
  with pytest.raises(InputError, match="seed: 0 -> 7"):
    trainer.train(config, tmp_path)


@pytest.mark.heavy
def test_a_loss_that_is_not_finite_names_step_and_batch(folder, tmp_path):
  config = tiny.config(folder, total_steps=30, save_every=5)
  config.schedule.peak = 1e30
  with pytest.raises(FloatingPointError, match=r"step \d+: loss .* its batch is .*npz"):
    trainer.train(config, tmp_path)
  path = next(tmp_path.glob("not_finite_*.npz"))
  assert set(np.load(path)) >= {"tokens", "segments", "ids"}
  assert not (tmp_path / "model").exists()


@pytest.mark.heavy
def test_evaluators_run_every_so_many_steps_and_after_the_last(folder, tmp_path):
  held_out = tmp_path / "held_out"
  held_out.mkdir()
  for n, pair in zip(range(20), tiny.pairs(20, seed=3), strict=False):
    for end, text in ((pair.target_language, pair.target), ("eng", pair.source)):
      with open(held_out / f"tatoeba.{pair.target_language}-eng.{end}", "a") as file:
        file.write(f"{text} {n}\n")
  config = tiny.config(folder, total_steps=5)
  with config.unlocked():
    config.evals.held_out = dict(type="tatoeba", every=2, data=str(held_out))
  trainer.train(config, tmp_path / "run")
  rows = [json.loads(r) for r in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
  evaluated = {row["step"]: row["held_out/accuracy"] for row in rows if "held_out/accuracy" in row}
  assert list(evaluated) == [1, 3, 4]
  assert all(0 <= value <= 1 for value in evaluated.values())
  assert [row["step"] for row in rows] == list(range(5))  # Each step once, with its evaluation.


@pytest.mark.heavy
@pytest.mark.parametrize("fsdp", [pytest.param(2, marks=pytest.mark.slow), 8])
def test_weights_split_over_fsdp_train_the_same(folder, straight, tmp_path, fsdp, monkeypatch):
  config = tiny.config(folder, total_steps=3)
  trainer.train(config, tmp_path / "whole")
  config.mesh.fsdp = fsdp
  monkeypatch.setattr(
    "labse_jax.training.optimizers.weight_sharding",
    lambda shape, mesh: _weight_sharding(shape, mesh, min_size=1),
  )
  trainer.train(config, tmp_path / "split")
  a, b = (np.array(losses(tmp_path / name)) for name in ("whole", "split"))
  np.testing.assert_allclose(a, b, rtol=1e-4)


_weight_sharding = sharding.weight_sharding


@pytest.mark.heavy
def test_the_end_of_a_trace_counts_for_its_last_step(folder, tmp_path, monkeypatch):
  monkeypatch.setattr(jax.profiler, "start_trace", lambda folder: None)
  monkeypatch.setattr(jax.profiler, "stop_trace", lambda: time.sleep(2))
  config = tiny.config(folder, total_steps=4, profile=1, evals={})
  trainer.train(config, tmp_path / "run")
  rows = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
  seconds = [row["tokens"] / row["tokens_per_second"] for row in rows]
  assert seconds[3] > 2 > seconds[2]


def test_metrics_are_cut_back_to_the_checkpoint(tmp_path):
  lines = [json.dumps({"step": n, "loss": 1.0}) for n in range(6)]
  (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 6, "lo')
  writer = Writer(tmp_path, first_step=4, total_steps=9)
  writer.write(4, {"loss": 2.0})
  writer.close()
  rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
  assert [(row["step"], row["loss"]) for row in rows] == [(n, 1.0) for n in range(4)] + [(4, 2.0)]


def test_eight_devices_are_what_the_tests_run_on():
  assert jax.device_count() == 8 and "8" in os.environ["XLA_FLAGS"]


@pytest.mark.slow
def test_killed_before_the_first_checkpoint_a_budget_is_not_measured_again(folder):
  workdir = folder / "budget_killed"
  extra = ("--config.total_steps=0", "--config.seconds=60", "--config.save_every=100000")
  process = start(folder, workdir, *extra)
  wait_for_step(workdir, 2, process)
  process.send_signal(signal.SIGKILL)
  before = process.communicate()[0]
  total = int(before.split(" steps of ")[0].split()[-1].replace(",", ""))
  done = len(losses(workdir))
  process = start(folder, workdir, *extra)
  wait_for_step(workdir, done + 2, process)
  process.send_signal(signal.SIGTERM)
  after = finish(process, 128 + signal.SIGTERM)
  assert f"goes on from step 0 of {total}" in after and " steps of " not in after
  steps = [row[0] for row in losses(workdir)]
  assert steps == list(range(len(steps))) and len(steps) > done


@pytest.mark.parametrize(
  "changes,words",
  [
    (dict(log_every=0), "log_every = 0; it must be 1 or more"),
    (dict(save_every=0), "save_every = 0"),
    (dict(total_steps=-5), "total_steps = -5"),
    (dict(exponent=float("nan")), "exponent = nan; it must be 0 to 1"),
    (dict(loss_options={"scale": 0.0}), "loss_options.scale = 0.0; it must be 1e-09 or more"),
    (dict(vocabulary_chunk="a"), "vocabulary_chunk = a; it must be 1 or more"),
    (dict(exchange="rign"), "Unknown config.exchange 'rign'; did you mean 'ring'"),
    (dict(loss="hard_contrastive"), "Unknown option of loss 'hard_contrastive', '(margin|scale)'"),
    (dict(length=64), "length = 64: the model has only 32 positions"),
    (dict(model={"position_offset": 2}), "length = 32: the model has only 30 positions"),
    (dict(evals={"a": {"type": "tatoeba"}}), "evals.a lacks"),
    (
      dict(evals={"a": {"type": "tatoeba", "every": 0}}),
      "evals.a.every = 0; it must be a number of steps, 1 or more",
    ),
  ],
)
def test_numbers_out_of_range_are_refused_and_leave_nothing(folder, tmp_path, changes, words):
  config = tiny.config(folder)
  with config.unlocked():
    config.update(changes)
  with pytest.raises(InputError, match=words):
    trainer.train(config, tmp_path / "run")
  assert not (tmp_path / "run").exists()


@pytest.mark.heavy
def test_other_data_under_the_same_path_is_refused(folder, straight, tmp_path):
  config = tiny.config(folder, total_steps=2)
  trainer.train(config, tmp_path / "run")
  described = json.loads((tmp_path / "run" / "config.json").read_text())
  described["fingerprints"][0] = "another"
  del described["digest"]  # It would say that the file was edited.
  (tmp_path / "run" / "config.json").write_text(json.dumps(described))
  with pytest.raises(InputError, match=r"data has changed since the run in .* began"):
    trainer.train(config, tmp_path / "run")


def test_a_persons_files_in_the_way_of_the_model_are_kept(folder, tmp_path):
  (tmp_path / "run" / "model").mkdir(parents=True)
  (tmp_path / "run" / "model" / "code.py").write_text("mine")
  with pytest.raises(InputError, match="holds other files"):
    trainer.train(tiny.config(folder), tmp_path / "run")
  assert (tmp_path / "run" / "model" / "code.py").exists()


@pytest.mark.heavy
def test_a_budget_too_small_for_a_step_is_said(folder, tmp_path):
  config = tiny.config(folder, total_steps=0, seconds=0.01)
  with pytest.raises(InputError, match="seconds = 0.01: compiling and timing .* give more"):
    trainer.train(config, tmp_path / "run")
  assert not (tmp_path / "run" / "model").exists()


def test_rows_by_the_machine_stay_those_of_the_run_on_another_machine(
  folder, tmp_path, monkeypatch
):
  config = tiny.config(folder, batch_rows=0)
  asked = []

  def make_stages(config, mesh):
    asked.append(config.batch_rows)
    raise InputError("far enough")

  monkeypatch.setattr(trainer, "make_stages", make_stages)
  for cores in (2, 8):
    monkeypatch.setattr("labse_jax.base.machine.cores", lambda cores=cores: cores)
    with pytest.raises(InputError, match="far enough"):
      trainer.train(config, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"batch_rows": asked[0]}))
  assert asked == [16, 16]
