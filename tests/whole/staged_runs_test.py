"""Runs that begin without layers, with stages as shares of the steps: the quickstart's way."""

import functools
import json
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import quickstart
from labse_jax import model_folder
from labse_jax import train as trainer
from labse_jax.base import sharding
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.training import budget, optimizers, stacking
from labse_jax.training.speed.meter import OF_TIME
from labse_jax.training.stopper import Stopper
from labse_jax.training.workdir import recorded_plan
from tests.support import tiny

STEPS = 8
BORDER = 4


def staged(folder, **changes):
  """Eight steps: half without layers, half with two."""
  config = tiny.config(folder, total_steps=STEPS, stages=((0, 0.5), (2, 0.5)), save_every=1000)
  with config.ignore_type():
    config.schedule.peak = (1e-2, 2e-3)
  config.model.dropout = 0.1  # So that each step's random key counts.
  for name, value in changes.items():
    config[name] = value
  return config


def rows_of(workdir):
  return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def without_speeds(rows):
  return [{k: v for k, v in row.items() if k not in OF_TIME} for row in rows]


def tensors(workdir):
  return (workdir / "model" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def straight(folder):
  """(A run that nobody stopped, its config.)"""
  config = staged(folder)
  workdir = folder / "straight"
  trainer.train(config, workdir)
  return workdir, config


@pytest.mark.heavy
def test_both_stages_are_run_and_the_model_has_the_layers(straight):
  workdir, _ = straight
  rows = rows_of(workdir)
  assert [row["step"] for row in rows] == list(range(STEPS))
  assert [row["stage"] for row in rows] == [1] * BORDER + [2] * BORDER
  assert recorded_plan(workdir) == (STEPS, [])
  content = model_folder.read(workdir / "model")
  assert content.model["depth"] == 2
  assert len(content.params["bert"]["blocks"]["up"]["bias"]) == 2
  vectors_ND = SentenceEncoder.load(workdir / "model").encode(["open the file", "a new page"])
  assert np.isfinite(vectors_ND).all() and abs(vectors_ND[0] @ vectors_ND[1]) < 0.999


@pytest.mark.heavy
def test_each_stage_has_its_own_schedule(straight):
  workdir, _ = straight
  rates = [row["learning_rate"] for row in rows_of(workdir)]
  # 0.05 of four steps is no whole step of warm-up; then the rate falls to zero.
  for first, peak in ((0, 1e-2), (BORDER, 2e-3)):
    own = rates[first : first + BORDER]
    assert max(own) == pytest.approx(peak, rel=0.3) and max(own) <= peak * 1.001
    assert own[-1] == min(own)


@pytest.mark.heavy
def test_the_loss_goes_on_where_it_was(folder):
  """The same batch before and after the model grows."""
  config = staged(folder)
  config.model.dropout = 0.0
  mesh = make_mesh()
  with jax.set_mesh(mesh):
    first, second = trainer.make_stages(config, mesh)
    state = first.init(jax.random.key(0))
    batch = next(iter(first.task.batches()))
    batch = trainer.to_devices(batch, sharding.batch_sharding(mesh))
    for _ in range(3):
      state["total"] = jnp.int32(STEPS)
      state, _ = first.train_step(state, batch, jax.random.key(1))
    before, _ = jax.jit(first.task.loss_fn)(state["params"], batch, jax.random.key(1))
    grown = second.grow(state)
    after, _ = jax.jit(second.task.loss_fn)(grown["params"], batch, jax.random.key(1))
  np.testing.assert_allclose(after, before, rtol=1e-5)


class Killed(BaseException):
  """What ends a run at once, as SIGKILL would."""


def stop_at(step, monkeypatch):
  def asked(self, done):
    return signal.SIGTERM if done == step else 0

  monkeypatch.setattr(Stopper, "asked", asked)


def kill_at(step, monkeypatch):
  def asked(self, done):
    if done == step:
      raise Killed
    return 0

  monkeypatch.setattr(Stopper, "asked", asked)


@pytest.mark.heavy
@pytest.mark.parametrize(
  ("end", "step", "goes_on_from"),
  [
    pytest.param(stop_at, BORDER - 1, BORDER, id="stopped at the border"),
    pytest.param(stop_at, BORDER, BORDER + 1, id="stopped after a step of stage 2"),
    pytest.param(kill_at, 2, 0, id="killed in stage 1", marks=pytest.mark.slow),
    pytest.param(kill_at, BORDER + 2, BORDER, id="killed in stage 2", marks=pytest.mark.slow),
  ],
)
def test_a_run_that_was_ended_goes_on_bit_for_bit(
  straight, tmp_path, monkeypatch, capsys, end, step, goes_on_from
):
  whole, config = straight
  with monkeypatch.context() as patch:
    end(step, patch)
    with pytest.raises((SystemExit, Killed)):
      trainer.train(config, tmp_path / "run")
  assert not (tmp_path / "run" / "model").exists()
  capsys.readouterr()
  trainer.train(config, tmp_path / "run")
  assert f"goes on from step {goes_on_from} of {STEPS}." in capsys.readouterr().out
  assert without_speeds(rows_of(tmp_path / "run")) == without_speeds(rows_of(whole))
  assert tensors(tmp_path / "run") == tensors(whole)


def leaves(tree):
  return {jax.tree_util.keystr(path): x for path, x in jax.tree_util.tree_leaves_with_path(tree)}


@pytest.mark.heavy
@pytest.mark.parametrize("fsdp", [1, 2])
@pytest.mark.parametrize("moments", stacking.MOMENTS)
def test_what_a_state_becomes_where_layers_come(folder, monkeypatch, moments, fsdp):
  split_all = functools.partial(sharding.weight_sharding, min_size=1)
  monkeypatch.setattr(optimizers, "weight_sharding", split_all)
  config = staged(folder, stacking=dict(moments=moments, schedule="restart"))
  config.mesh.fsdp = fsdp
  mesh = make_mesh(fsdp)
  with jax.set_mesh(mesh):
    first, second = trainer.make_stages(config, mesh)
    state = first.init(jax.random.key(1))
    state = jax.tree.map(lambda x: x + jnp.ones_like(x), state)  # Moments that are not zero.
    grown = second.grow(state)
  placed = jax.tree.map(lambda x: (x.shape, x.dtype, x.sharding), grown)
  assert placed == jax.tree.map(lambda x: (x.shape, x.dtype, x.sharding), second.abstract)

  old = jax.device_get(state)
  new = jax.device_get(grown)
  assert new["step"] == old["step"] and new["total"] == old["total"]
  before = leaves(old["params"])
  for name, leaf in leaves(new["params"]).items():
    if "attention_out" in name or "'down'" in name:
      assert not leaf.any(), name
    elif "blocks" not in name and "embedding_norm" not in name:
      np.testing.assert_array_equal(leaf, before[name])
  for part, plain in (("scale", 1), ("bias", 0)):
    np.testing.assert_array_equal(new["params"]["bert"]["embedding_norm"][part], plain)
    last = new["params"]["bert"]["blocks"]["mlp_norm"][part]
    np.testing.assert_array_equal(last[0], plain)
    np.testing.assert_array_equal(last[1], old["params"]["bert"]["embedding_norm"][part])
  # The two layers are not each other's copies.
  kernel = new["params"]["bert"]["blocks"]["up"]["kernel"]
  assert np.abs(kernel[0] - kernel[1]).max() > 0.01

  before = leaves(old["opt"])
  for name, leaf in leaves(new["opt"]).items():
    if moments == "copy" and "blocks" not in name:
      np.testing.assert_array_equal(leaf, before[name])
    else:
      assert not np.any(leaf), name


@pytest.mark.heavy
def test_seconds_are_shared_between_the_stages(folder, tmp_path, monkeypatch):
  trials_seen = []

  def few(seconds, started, trials):
    trials = [*trials]
    trials_seen.extend(trials)
    return budget.steps_within(seconds, started, trials)._replace(steps=6)

  monkeypatch.setattr(trainer, "steps_within", few)
  monkeypatch.setattr(budget, "PROBES", 2)
  monkeypatch.setattr(budget, "LEAST_PROBE_SECONDS", 0)
  config = staged(folder, total_steps=0, seconds=600.0, stages=((0, 0.7), (2, 0.3)))
  trainer.train(config, tmp_path / "run")
  assert [share for share, _ in trials_seen] == [0.7, 0.3]
  total, seconds = recorded_plan(tmp_path / "run")
  assert total == 6 and len(seconds) == 2 and min(seconds) > 0
  assert [row["stage"] for row in rows_of(tmp_path / "run")] == [1, 1, 1, 1, 2, 2]
  assert model_folder.read(tmp_path / "run" / "model").model["depth"] == 2


@pytest.mark.heavy
def test_a_stage_without_a_step_is_passed_over(folder, tmp_path):
  config = staged(folder, total_steps=2, stages=((0, 0.1), (1, 0.1), (2, 0.8)))
  with config.ignore_type():
    config.schedule.peak = 2e-3
  trainer.train(config, tmp_path / "run")
  assert [row["stage"] for row in rows_of(tmp_path / "run")] == [3, 3]
  assert model_folder.read(tmp_path / "run" / "model").model["depth"] == 2


@pytest.mark.heavy
def test_the_effective_rank_is_of_the_reported_steps(folder, tmp_path):
  config = staged(folder, log_every=3)
  trainer.train(config, tmp_path / "run")
  assert "NaN" not in (tmp_path / "run" / "metrics.jsonl").read_text()
  ranks = {row["step"]: row.get("effective_rank") for row in rows_of(tmp_path / "run")}
  # The last step is always written, but its eigenvalues are not due.
  assert list(ranks) == [0, 3, 6, 7]
  assert ranks.pop(7) is None
  assert all(1 <= rank <= 16 for rank in ranks.values())


@pytest.mark.heavy
def test_a_folder_with_layers_starts_no_model_without(folder, straight, tmp_path):
  workdir, _ = straight
  config = staged(folder, init=str(workdir / "model"))
  with pytest.raises(InputError, match="another model: depth 2 instead of 0"):
    trainer.train(config, tmp_path / "run")
  assert not (tmp_path / "run").exists()


def quickstart_losses(folder, devices):
  """The losses of ten steps of the quickstart's laptop mode on so many devices."""
  config = quickstart.get_config(
    f"runlocal,steps=10,data={folder / 'data'},tokenizer={folder / 'vocabulary'}"
  )
  config.log_every = 1
  # Adam divides by the gradient's size: with 1e-8, rounding alone would be a whole step.
  config.optim.epsilon = 1e-4
  workdir = folder / f"on_{devices}"
  with pytest.MonkeyPatch.context() as patch:
    make = functools.partial(make_mesh, devices=jax.devices()[:devices])
    patch.setattr(trainer, "make_mesh", make)
    trainer.train(config, workdir)
  rows = rows_of(workdir)
  assert [row["stage"] for row in rows] == [1] * 7 + [2] * 3
  return [row["loss"] for row in rows]


@pytest.fixture(scope="module")
def losses_of_one_device(folder):
  return quickstart_losses(folder, 1)


@pytest.mark.heavy
@pytest.mark.parametrize("devices", [pytest.param(2, marks=pytest.mark.slow), 8])
def test_the_quickstart_s_first_losses_are_the_same_on_any_number_of_devices(
  folder, losses_of_one_device, devices
):
  np.testing.assert_allclose(quickstart_losses(folder, devices), losses_of_one_device, rtol=1e-5)
