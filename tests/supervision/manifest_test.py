"""A manifest tells results of one thing from those of another."""

import json

import pytest

from labse_jax.base.errors import InputError
from labse_jax.supervision import manifest

ABOUT = {"model": "a", "prompt": "", "data": "b", "pairs": 3}


def test_a_manifest_may_say_more_but_nothing_else(tmp_path):
  (tmp_path / manifest.NAME).write_text(json.dumps(ABOUT | {"k": 5}))
  assert manifest.read_checked(tmp_path, ABOUT, "remove it.") == ABOUT | {"k": 5}
  with pytest.raises(InputError, match="from another text .data is 'b' .*, 'c' is .*; remove it"):
    manifest.read_checked(tmp_path, ABOUT | {"data": "c"}, "remove it.")


def test_a_value_that_is_absent_differs(tmp_path):
  (tmp_path / manifest.NAME).write_text("{}")
  with pytest.raises(InputError, match="by another model .model is None"):
    manifest.read_checked(tmp_path, ABOUT, "remove it.")


def test_other_values_have_another_folder():
  name = manifest.folder_name([ABOUT, 0.05, 50])
  assert name == manifest.folder_name([dict(ABOUT), 0.05, 50]) and len(name) == 16
  assert name != manifest.folder_name([ABOUT, 0.05, 51])


def test_folders_of_earlier_versions_are_found():
  """The names lie on people's disks: another hash would compute everything again."""
  assert manifest.folder_name(["model", ""]) == "5427d405a4b76dec"
