"""What digests see: every byte of every file, and every file that comes or goes."""

import json

import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.writing import digests


@pytest.fixture
def folder(tmp_path):
  (tmp_path / "a" / "b").mkdir(parents=True)
  (tmp_path / "a" / "b" / "größe").write_bytes(bytes(range(16)))
  (tmp_path / "empty").touch()
  digests.write(tmp_path, without=["late"])
  (tmp_path / "late").write_text("later")
  return tmp_path


def damage(folder):
  return digests.damage(folder, without=["late"])


def test_what_was_written_is_whole(folder):
  assert digests.has(folder) and damage(folder) is None
  assert not digests.has(folder / "a")


def test_flipped_bits_of_a_file_are_seen(folder):
  path = folder / "a" / "b" / "größe"
  whole = path.read_bytes()
  for place in range(0, len(whole) * 8, 7):
    flipped = bytearray(whole)
    flipped[place // 8] ^= 1 << place % 8
    path.write_bytes(flipped)
    assert damage(folder) == "a/b/größe does not hold what was written"


def test_no_flipped_bit_of_the_digests_raises_or_hides(folder):
  """Where all is as before, white space was flipped."""
  path = folder / digests.NAME
  whole = path.read_bytes()
  content = json.loads(whole)
  for place in range(0, len(whole) * 8, 7):
    flipped = bytearray(whole)
    flipped[place // 8] ^= 1 << place % 8
    path.write_bytes(flipped)
    if damage(folder) is None:
      assert json.loads(flipped) == content


def test_files_that_come_and_go_are_seen(folder):
  (folder / "more").touch()
  assert damage(folder) == "more was not there when the digests were"
  (folder / "more").rename(folder / "empty")
  assert damage(folder) is None
  (folder / "empty").unlink()
  assert damage(folder) == "empty is missing"
  (folder / "empty").write_text("x" * 1234)
  assert damage(folder) == "empty has 1,234 bytes, not 0"


def test_an_error_of_the_disk_is_damage(folder, monkeypatch):
  def broken(path):
    raise OSError(5, "Input/output error", str(path))

  monkeypatch.setattr(digests, "_of_file", broken)
  assert damage(folder).endswith("cannot be read (Input/output error)")


def test_an_object_carries_its_own_digest(tmp_path):
  value = {"total": 7, "seconds": [0.1, 1e-30], "text": "größer", "more": {"b": None, "a": True}}
  written = json.dumps(digests.sealed(value))
  assert digests.unsealed(tmp_path, json.loads(written)) == value
  assert digests.unsealed(tmp_path, value) == value, "of an earlier version"
  for name in ("total", "seconds"):
    changed = json.loads(written) | {name: 8}
    with pytest.raises(InputError, match="is damaged, or was edited"):
      digests.unsealed(tmp_path, changed)
