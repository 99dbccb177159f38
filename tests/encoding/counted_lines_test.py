"""Pipes are read once, and a file that changes meanwhile is refused."""

import gzip
import os
import shutil
import threading

import pytest

from labse_jax.base.errors import InputError
from labse_jax.encoding.counted_lines import counted_lines

LINES = ["one", "two", "", "three"]


@pytest.fixture
def pipe(tmp_path):
  """pipe(name, content) -> a named pipe that gives it to the first reader."""
  writers = []

  def made(name, content):
    path = tmp_path / name
    os.mkfifo(path)
    writers.append(threading.Thread(target=path.write_bytes, args=(content,), daemon=True))
    writers[-1].start()
    return path

  yield made
  for writer in writers:
    writer.join(10)
    assert not writer.is_alive()


def read(source, output):
  """(count, lines, identity) of a text, its last two lines read a second time."""
  with counted_lines(source, output) as lines:
    found = [line for chunk in lines.chunks(3, skip=0) for line in chunk]
    assert list(lines.chunks(3, skip=2)) == [found[2:]]
    return lines.count, found, lines.identity()


@pytest.mark.parametrize(("name", "pack"), [("in", bytes), ("in.gz", gzip.compress)])
def test_a_pipe_gives_its_lines_as_often_as_wanted(tmp_path, pipe, name, pack):
  text = "\n".join(LINES).encode()
  source = pipe(name, pack(text))
  count, found, identity = read(source, tmp_path / "new" / "out.npy")
  assert (count, found) == (4, LINES)
  assert os.listdir(tmp_path / "new") == []
  # Another pipe with the same text is the same input: a killed run goes on.
  assert read(pipe(f"other.{name}", pack(text)), tmp_path / "out.npy")[2] == identity
  assert read(pipe(f"longer.{name}", pack(text + b"x")), tmp_path / "out.npy")[2] != identity


def test_a_fault_in_a_pipe_is_told_by_its_name(tmp_path, pipe):
  source = pipe("in", b"one\n\xff\n")
  with pytest.raises(InputError, match=rf"^{source}:2: not UTF-8"):
    read(source, tmp_path / "out.npy")
  with pytest.raises(InputError, match="empty.*nothing to encode"):
    read(pipe("empty", b""), tmp_path / "out.npy")
  assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "in"]


def test_a_pipe_that_the_disk_has_no_room_for_is_refused(tmp_path, pipe, monkeypatch):
  monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 6, 3))
  with pytest.raises(InputError, match=r"in: is a pipe, .* the disk there has no room for it"):
    read(pipe("in", b"four\n"), tmp_path / "out.npy")
  assert os.listdir(tmp_path) == ["in"]


BEFORE = b"one\ntwo\n\nthree\n"
CHANGES = {
  "shorter": b"one\ntwo\n",
  "longer": b"one\ntwo\n\nthree\nfour\n",
  "others": b"two\none\n\nthree\n",
  "one line less": b"one two\n\nthree\n",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("chunk", [2, 4])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, change, chunk):
  path = tmp_path / "in"
  path.write_bytes(BEFORE)
  time = path.stat().st_mtime_ns
  with counted_lines(path, tmp_path / "out.npy") as lines:
    chunks = lines.chunks(chunk, skip=0)
    assert next(chunks) == LINES[:chunk]
    path.write_bytes(CHANGES[change])
    os.utime(path, ns=(time, time + 1))
    with pytest.raises(InputError, match="in: was changed while it was read; it had 4 lines"):
      list(chunks)


@pytest.mark.parametrize("after", [b"one two\n\nthree\n", b"one\n\n\n\n\n\nthree\n"])
def test_another_number_of_lines_in_a_file_of_the_same_size_and_time_is_refused(tmp_path, after):
  path = tmp_path / "in"
  path.write_bytes(BEFORE)
  time = path.stat().st_mtime_ns
  with counted_lines(path, tmp_path / "out.npy") as lines:
    path.write_bytes(after)
    os.utime(path, ns=(time, time))
    assert path.stat().st_size == len(BEFORE)
    with pytest.raises(InputError, match="in: was changed while it was read; it had 4 lines"):
      list(lines.chunks(2, skip=0))
