"""Checkpoints that cannot be written or read."""

import resource
import subprocess

import jax
import jax.numpy as jnp
import pytest

from labse_jax import train as trainer
from labse_jax.base.errors import InputError
from labse_jax.training.checkpoint import Checkpoints
from tests.support import tiny
from tests.support.runs import command, finish


class Position:
  """A data position: what grain's iterators give to Orbax."""

  def __init__(self, n):
    self.n = n

  async def save(self, directory):
    text = str(self.n)

    async def write():
      path = await directory.await_creation()
      (path / "n").write_text(text)

    return write()

  async def load(self, directory):
    async def read():
      self.n = int((directory / "n").read_text())

    return read()


def abstract(state):
  sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), state)


def test_state_and_position_come_back_and_two_are_kept(tmp_path):
  state = {"w": jnp.arange(5.0), "step": jnp.int32(0)}
  checkpoints = Checkpoints(tmp_path)
  assert checkpoints.restore(lambda step: abstract(state), Position(0)) is None
  for step in (1, 2, 3):
    checkpoints.save(step, {"w": state["w"] * step, "step": jnp.int32(step)}, Position(10 * step))
  checkpoints.close()
  position = Position(0)
  restored = Checkpoints(tmp_path).restore(lambda step: abstract(state), position)
  assert (int(restored["step"]), position.n) == (3, 30)
  assert (restored["w"] == 3 * state["w"]).all()
  assert sorted(p.name for p in tmp_path.iterdir() if p.name.isdigit()) == ["2", "3"]


def test_where_none_can_be_read_that_is_said_and_nothing_starts_over(tmp_path):
  state = {"w": jnp.arange(3000.0)}
  checkpoints = Checkpoints(tmp_path)
  checkpoints.save(1, state, Position(1))
  checkpoints.close()
  for path in (tmp_path / "1").rglob("*"):
    if path.is_file():
      path.write_bytes(b"")
  with pytest.raises(InputError, match="no checkpoint can be read; of step 1"):
    Checkpoints(tmp_path).restore(lambda step: abstract(state), Position(0))
  assert (tmp_path / "1").exists()


@pytest.mark.heavy
def test_a_full_disk_is_one_line(tmp_path):
  """A limit on the size of a file stands for the disk: the write fails, as on a full one."""
  tiny.make(tmp_path)
  workdir = tmp_path / "run"
  trainer.train(tiny.config(tmp_path, total_steps=1), tmp_path / "warm")  # Compiles.
  process = subprocess.Popen(
    command(tmp_path, workdir),
    text=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
  )
  said = finish(process, 2)
  assert "cannot be written" in said and "Traceback" not in said
  assert not (workdir / "model").exists()
