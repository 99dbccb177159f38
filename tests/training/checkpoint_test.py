"""Checkpoints that cannot be written or read, or that are not what was written."""

import resource
import shutil
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


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
  """Checkpoints of the steps 1 and 2."""
  folder = tmp_path_factory.mktemp("saved")
  checkpoints = Checkpoints(folder)
  for step in (1, 2):
    checkpoints.save(step, {"w": jnp.arange(3000.0) + step}, Position(step))
  checkpoints.close()
  return folder


def blob(folder):
  """The largest file of a checkpoint: the arrays."""
  return max(folder.rglob("*"), key=lambda path: path.stat().st_size * path.is_file())


def flip(path):
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


def flip_state(folder):
  flip(blob(folder))


def flip_position(folder):
  flip(folder / "data" / "n")


def remove(folder):
  (folder / "data" / "n").unlink()


def add(folder):
  (folder / "state" / "more").touch()


def cut(folder):
  blob(folder).write_bytes(blob(folder).read_bytes()[:-1])


def exchange(folder):
  """The arrays of another step, whole and of the same size."""
  other = folder.with_name("1")
  shutil.rmtree(folder / "state")
  shutil.copytree(other / "state", folder / "state")


def tear(folder):
  path = folder / "digests.json"
  path.write_bytes(path.read_bytes()[:100])


def restored(folder):
  """The step that is restored, by the arrays and by the position."""
  position = Position(0)
  checkpoints = Checkpoints(folder)
  state = checkpoints.restore(lambda step: abstract({"w": jnp.zeros(3000)}), position)
  checkpoints.close()
  return int(state["w"][0]), position.n


@pytest.mark.parametrize(
  "harm, words",
  [
    (flip_state, "does not hold what was written"),
    (flip_position, "data/n does not hold what was written"),
    (remove, "data/n is missing"),
    (add, "state/more was not there"),
    (cut, "bytes, not"),
    (exchange, "does not hold what was written"),
    (tear, "digests.json cannot be read"),
  ],
)
def test_a_damaged_one_is_said_and_gives_way(saved, tmp_path, capsys, harm, words):
  shutil.copytree(saved, tmp_path / "run")
  assert restored(tmp_path / "run") == (2, 2)
  assert not capsys.readouterr().err
  harm(tmp_path / "run" / "2")
  assert restored(tmp_path / "run") == (1, 1)
  said = capsys.readouterr().err
  assert "the checkpoint of step 2 is damaged" in said and words in said
  assert [path.name.rpartition("-")[0] for path in tmp_path.glob("run/*-*")] == ["damaged-2"]
  assert restored(tmp_path / "run") == (1, 1)
  assert not capsys.readouterr().err


def test_one_without_digests_gives_way_to_one_with_them(saved, tmp_path, capsys):
  shutil.copytree(saved, tmp_path / "run")
  (tmp_path / "run" / "2" / "digests.json").unlink()
  assert restored(tmp_path / "run") == (1, 1)
  said = capsys.readouterr().err
  assert "step 2 has no digests.json" in said and "damaged" not in said
  assert len(list(tmp_path.glob("run/unchecked-2-*/state"))) == 1


def test_a_run_without_any_digests_goes_on_and_that_is_said(saved, tmp_path, capsys):
  shutil.copytree(saved, tmp_path / "run")
  for step in "12":
    (tmp_path / "run" / step / "digests.json").unlink()
  assert restored(tmp_path / "run") == (2, 2)
  assert "step 2 has no digests.json; it is taken unchecked" in capsys.readouterr().err
  # Its newest is checked from now on, and the older one is still there for when that is damaged.
  shutil.copytree(saved / "2", tmp_path / "run" / "2", dirs_exist_ok=True)
  assert restored(tmp_path / "run") == (2, 2)
  flip_state(tmp_path / "run" / "2")
  assert restored(tmp_path / "run") == (1, 1)
  assert "step 2 is damaged" in capsys.readouterr().err


def test_where_all_are_damaged_all_stay(saved, tmp_path):
  shutil.copytree(saved, tmp_path / "run")
  for step in "12":
    flip_state(tmp_path / "run" / step)
  with pytest.raises(InputError, match="no checkpoint can be read; of step 2: state/.* does not"):
    restored(tmp_path / "run")
  assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["1", "2"]


def test_digests_are_there_before_the_checkpoint_is(tmp_path, monkeypatch):
  """A process that is killed while they are written leaves an unfinished checkpoint."""

  def killed(folder, **_):
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    raise OSError("killed")

  monkeypatch.setattr("labse_jax.base.writing.digests.write", killed)
  checkpoints = Checkpoints(tmp_path)
  checkpoints.save(1, {"w": jnp.arange(3.0)}, Position(1))
  with pytest.raises(InputError, match="cannot be written: killed"):
    checkpoints.close()
  assert Checkpoints(tmp_path).restore(lambda step: None, Position(0)) is None


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
