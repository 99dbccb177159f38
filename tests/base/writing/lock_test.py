"""Locks that processes hold: refused, freed by death, and gone without a trace."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.base.writing import lock
from tests.support.places import ROOT

HOLD = """\
import os, pathlib, sys, time
from labse_jax.base.writing.lock import locked
with locked(pathlib.Path(sys.argv[1]), "it"):
  if sys.argv[2] == "fork" and os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(60)
  if sys.argv[2] == "alone":
    print(os.getpid(), flush=True)
  time.sleep(60)
"""


def hold(path, how="alone"):
  """A process that holds a lock, and the number that it printed."""
  process = subprocess.Popen(
    [sys.executable, "-c", HOLD, str(path), how], cwd=ROOT, stdout=subprocess.PIPE, text=True
  )
  return process, int(process.stdout.readline())


def test_who_holds_it_is_said_and_after_his_death_it_is_free(tmp_path):
  path = tmp_path / "made" / "too" / ".lock"
  process, number = hold(path)
  before = path.read_bytes()
  with pytest.raises(InputError, match=rf"^run: another .* process {number} on .*, since 20"):
    with lock.locked(path, "run"):
      pass
  assert path.read_bytes() == before
  process.send_signal(signal.SIGKILL)
  process.communicate()
  with lock.locked(path, "run"):
    assert str(os.getpid()) in path.read_text()
  assert not path.exists()
  assert path.parent.exists(), "this process did not make the folder"


def test_a_forked_child_does_not_hold_it(tmp_path):
  process, child = hold(tmp_path / "lock", "fork")
  process.kill()
  process.wait()
  try:
    os.kill(child, 0)  # It lives.
    with lock.locked(tmp_path / "lock", "run"):
      pass
  finally:
    os.kill(child, signal.SIGKILL)


def test_a_program_that_was_started_does_not_hold_it(tmp_path):
  path = tmp_path / "lock"
  with lock.locked(path, "run"):
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
  try:
    with lock.locked(path, "run"):
      pass
  finally:
    child.kill()
    child.wait()


def test_nothing_is_left_of_it(tmp_path):
  with lock.locked(tmp_path / "a" / "b" / "lock", "run"):
    pass
  assert not (tmp_path / "a").exists()
  with pytest.raises(ZeroDivisionError), lock.locked(tmp_path / "a" / "lock", "run"):
    (tmp_path / "a" / "kept").touch()
    raise ZeroDivisionError
  assert [path.name for path in tmp_path.rglob("*")] == ["a", "kept"]


def test_a_file_that_its_holder_removed_is_no_lock(tmp_path, monkeypatch):
  """The second opens the file of the first, and a third makes a new one before it is locked."""
  path = tmp_path / "lock"
  first = lock.locked(path, "run")
  third = lock.locked(path, "run")
  first.__enter__()
  flock = lock.fcntl.flock

  def late(descriptor, how):
    monkeypatch.undo()
    first.__exit__(None, None, None)
    third.__enter__()
    flock(descriptor, how)

  monkeypatch.setattr(lock.fcntl, "flock", late)
  with pytest.raises(InputError, match="another process is writing"), lock.locked(path, "run"):
    pass
  third.__exit__(None, None, None)
  assert not path.exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_there_are_no_locks_that_is_said_once(tmp_path, monkeypatch, capsys, number):
  def flock(descriptor, how):
    raise OSError(number, os.strerror(number))

  monkeypatch.setattr(lock.fcntl, "flock", flock)
  for _ in range(2):
    with lock.locked(tmp_path / "lock", "run"):
      pass
  assert capsys.readouterr().err.count("has no locks") == 1


def test_two_writers_of_one_file_do_not_mix(tmp_path):
  path = tmp_path / "out.json"
  with files.replacing(path) as file:
    file.write("first")
    with pytest.raises(InputError, match=r"out\.json: another process is writing"):
      files.write_json(path, "second")
  assert path.read_text() == "first"
  assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_writer_does_not_empty_what_another_has_moved_into_place(tmp_path, monkeypatch):
  """The file is opened under its first name, and has its last one when it is locked."""
  path = tmp_path / "out"
  first = files.replacing(path)
  first.__enter__().write("first")
  flock = lock.fcntl.flock

  def late(descriptor, how):
    monkeypatch.undo()
    first.__exit__(None, None, None)
    flock(descriptor, how)

  monkeypatch.setattr(lock.fcntl, "flock", late)
  with files.replacing(path) as file:
    assert path.read_text() == "first"
    file.write("second")
  assert path.read_text() == "second"


def test_two_writers_of_one_folder_do_not_mix(tmp_path):
  folder = tmp_path / "out"
  with files.replacing_folder(folder, marker="m") as partial:
    (partial / "m").touch()
    with pytest.raises(InputError, match="out: another process is writing"):
      with files.replacing_folder(folder, marker="m"):
        pass
  assert [path.name for path in tmp_path.rglob("*")] == ["out", "m"]
