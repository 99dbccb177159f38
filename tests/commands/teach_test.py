"""The command: the vectors of a dataset ahead of training, made once."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from labse_jax import teach
from labse_jax.base.errors import InputError
from labse_jax.data.dataset import open_dataset
from labse_jax.supervision.vector_store import Store


@pytest.mark.heavy
def test_it_makes_what_training_reads(folder, tiny_folder, capsys):
  data = folder / "data"
  argv = ["--model", str(tiny_folder), "--data", str(data), "--prompt", "query: "]
  teach.main([*argv, "--precision", "bfloat16"])
  store = Store(open_dataset(data), tiny_folder, prompt="query: ")
  said = capsys.readouterr().out
  assert f"{store.folder}: 600 pairs x 2 x 32 float16, 0.1 MB; 1 files made" in said
  assert not store.missing() and store[np.arange(600)].any(-1).all()
  teach.main(argv)
  assert "all there already" in capsys.readouterr().out


@pytest.mark.parametrize(
  "model,data,words",
  [("/nowhere", "data", "/nowhere: no such folder"), ("", "vocabulary", "not a dataset folder")],
)
def test_wrong_folders_are_said(folder, tiny_folder, model, data, words):
  with pytest.raises(InputError, match=words):
    teach.main(["--model", model or str(tiny_folder), "--data", str(folder / data)])


@pytest.mark.heavy
def test_wrong_input_ends_with_one_line_and_status_2(folder, tiny_folder):
  """Vectors that somebody copied are refused, and what is there stays as it is."""
  store = Store(open_dataset(folder / "data"), tiny_folder)
  store.compute()
  other = Store(open_dataset(folder / "data"), tiny_folder, prompt="passage: ").folder
  shutil.copytree(store.folder, other)
  argv = ["--model", str(tiny_folder), "--data", str(folder / "data"), "--prompt", "passage: "]
  done = subprocess.run(
    [sys.executable, "-m", "labse_jax.teach", *argv], capture_output=True, text=True
  )
  assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
  assert done.stderr.startswith(f"labse-jax: {other}: was made with another prompt")
  assert (other / "manifest.json").read_bytes() == (store.folder / "manifest.json").read_bytes()
