"""The state of a search; that a search goes on with it is in exact_test."""

import numpy as np
import pytest

from labse_jax.neighbours import state as search_state
from labse_jax.neighbours.state import FILE, SearchState, fingerprint

SIDE = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def lists():
  return [(np.ones((4, 2), np.float32), np.arange(8).reshape(4, 2)) for _ in range(2)]


def test_what_was_written_is_read_and_then_removed(tmp_path, lists, monkeypatch):
  monkeypatch.setattr(search_state, "SECONDS", 0)
  state = SearchState(tmp_path / "a" / "b", [SIDE], k=2)
  assert state.read() == (0, None)
  state.write(64, lambda: lists)
  seen, found = SearchState(tmp_path / "a" / "b", [SIDE], k=2).read()
  assert seen == 64
  for one, other in zip(found, lists, strict=True):
    for part, written in zip(one, other, strict=True):
      np.testing.assert_array_equal(part, written)
  state.remove()
  assert list(tmp_path.rglob("*")) == [tmp_path / "a"]


def test_it_is_not_written_all_the_time(tmp_path):
  state = SearchState(tmp_path, [SIDE])
  state.write(64, lambda: pytest.fail("asked for the lists"))
  assert not (tmp_path / FILE).exists()


def test_other_files_of_the_folder_stay(tmp_path):
  (tmp_path / "mine.txt").touch()
  (tmp_path / f"{FILE}.partial").touch()  # Killed while it wrote.
  SearchState(tmp_path, [SIDE]).remove()
  assert list(tmp_path.iterdir()) == [tmp_path / "mine.txt"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short"])
def test_a_broken_file_is_begun_anew(tmp_path, content, capsys):
  (tmp_path / FILE).write_bytes(content)
  assert SearchState(tmp_path, [SIDE]).read() == (0, None)
  said = capsys.readouterr().err
  assert said == f"labse-jax: {tmp_path / FILE}: belongs to another search; starting over.\n"


def test_without_a_folder_nothing_is_kept(lists):
  state = SearchState(None, [SIDE])
  state.write(1, lambda: pytest.fail("asked for the lists"))
  state.remove()
  assert state.read() == (0, None)


def test_a_fingerprint_tells_numbers_shapes_and_types_apart(monkeypatch, tmp_path):
  other = SIDE.copy()
  other[3, 2] += 1e-5
  different = [SIDE, other, SIDE.reshape(3, 4), SIDE.astype(np.float16), SIDE[:, ::-1]]
  assert len({fingerprint(side) for side in different}) == 5
  np.save(tmp_path / "side.npy", SIDE)
  monkeypatch.setattr(search_state, "PART", 2)
  assert fingerprint(np.load(tmp_path / "side.npy", mmap_mode="r")) == fingerprint(SIDE)
