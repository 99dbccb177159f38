"""A folder that was opened is written again, and never over anything that is not ours."""

import dataclasses
import shutil

import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.encoding.sentence_encoder import SentenceEncoder

TEXTS = ["Hello", "Bonjour", "x " * 50]


@pytest.fixture
def folder(tiny_folder, tmp_path):
  return shutil.copytree(tiny_folder, tmp_path / "folder")


def test_what_was_set_is_saved(folder, tmp_path, monkeypatch):
  encoder = SentenceEncoder(folder, dtype="bfloat16", prompts={"query": "query: "})
  encoder.default_prompt_name = "query"
  encoder.max_seq_length = 20
  encoder.similarity_fn_name = "dot"
  monkeypatch.setenv("HOME", str(tmp_path))
  encoder.save("~/saved")
  again = SentenceEncoder("~/saved", dtype="bfloat16")
  np.testing.assert_array_equal(again.encode(TEXTS), encoder.encode(TEXTS))
  assert (again.max_seq_length, again.similarity_fn_name) == (20, "dot")
  assert (again.prompts, again.default_prompt_name) == ({"query": "query: "}, "query")
  # The weights are those of the folder, and not what bfloat16 left of them.
  assert (tmp_path / "saved" / "model.safetensors").read_bytes() == (
    folder / "model.safetensors"
  ).read_bytes()


def test_what_is_not_saved_is_said(folder, tmp_path, capsys):
  SentenceEncoder(folder, truncate_dim=4).save(tmp_path / "new")
  assert "truncate_dim is not written; give it where" in capsys.readouterr().err
  assert SentenceEncoder(tmp_path / "new").dimension == 32


def test_the_type_of_the_weights_is_kept(tiny_content, tmp_path):
  stored = dataclasses.replace(tiny_content, dtype="float16")
  model_folder.write(tmp_path / "half", stored)
  SentenceEncoder(tmp_path / "half").save(tmp_path / "saved")
  assert model_folder.read(tmp_path / "saved").dtype == "float16"


def test_other_files_and_the_folder_itself_are_never_replaced(folder, tmp_path):
  encoder = SentenceEncoder(folder)
  (tmp_path / "other").mkdir()
  (tmp_path / "other" / "file").write_text("mine")
  with pytest.raises(InputError, match="holds other files"):
    encoder.save(tmp_path / "other")
  with pytest.raises(InputError, match="is, or holds, the input"):
    encoder.save(folder)
  encoder.save(tmp_path / "new")
  encoder.save(tmp_path / "new")  # An earlier output is.


def test_a_folder_that_has_changed_is_not_saved(folder, tmp_path):
  encoder = SentenceEncoder(folder)
  weights = folder / "model.safetensors"
  weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
  with pytest.raises(InputError, match="has changed since it was opened"):
    encoder.save(tmp_path / "new")
  assert not (tmp_path / "new").exists()


def test_parts_in_memory_are_not_saved(folder, tmp_path):
  encoder = SentenceEncoder(folder)
  encoder.set_params(model_folder.read(folder).params)
  with pytest.raises(InputError, match="made of parts in memory"):
    encoder.save(tmp_path / "new")
