"""The clone as pip installs it: in place, and as a wheel or a source distribution."""

import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from labse_jax.base.version import __version__
from tests.support.places import ROOT

BUILD = "import sys; from setuptools import build_meta; build_meta.build_editable(sys.argv[1])"
USE = """
import site, sys
site.addsitedir(sys.argv[1])
import labse_jax
print(labse_jax.__file__, labse_jax.__version__)
"""


@pytest.mark.heavy
def test_in_the_folder_above_a_clone_called_labse_jax_the_package_is_found(tmp_path):
  pytest.importorskip("setuptools", minversion="77")
  clone = tmp_path / "above" / "labse_jax"
  clone.mkdir(parents=True)
  for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
    shutil.copy(ROOT / name, clone)
  shutil.copytree(ROOT / "labse_jax", clone / "labse_jax")
  built = tmp_path / "built"
  built.mkdir()
  subprocess.run([sys.executable, "-c", BUILD, built], cwd=clone, check=True, capture_output=True)
  (wheel,) = built.glob("*.whl")
  zipfile.ZipFile(wheel).extractall(tmp_path / "site")
  # -S: without the labse_jax that is installed here.
  done = subprocess.run(
    [sys.executable, "-S", "-c", USE, tmp_path / "site"],
    cwd=tmp_path / "above",
    env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    text=True,
    capture_output=True,
  )
  assert done.stdout.split()[:2] == [str(clone / "labse_jax" / "__init__.py"), __version__], done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
  """The folder with both distributions of a copy of the tracked files."""
  folder = tmp_path_factory.mktemp("built")
  clone = folder / "clone"
  subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
  build = [sys.executable, "-m", "build", "--outdir", folder, clone]
  subprocess.run(build, check=True, capture_output=True)
  return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["whl", "tar.gz"])
def test_a_distribution_encodes_in_a_clean_environment(kind, built, tiny_folder, tmp_path):
  (file,) = built.glob(f"*.{kind}")
  subprocess.run([sys.executable, "-m", "venv", tmp_path / "clean"], check=True)
  bin = tmp_path / "clean" / "bin"
  pins = ROOT / "launch" / "requirements.txt"
  install = [bin / "python", "-m", "pip", "install", "-q", "-c", pins, file]
  env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
  subprocess.run(install, check=True, capture_output=True, env=env)
  (tmp_path / "lines.txt").write_text("open the file\na new page\n")
  words = ["--model", tiny_folder, "--input", "lines.txt", "--output", "vectors.npy"]
  subprocess.run([bin / "labse-jax", "encode", *words], check=True, cwd=tmp_path, env=env)
  assert np.load(tmp_path / "vectors.npy").shape[0] == 2
  listed = [bin / "python", "-m", "pip", "list", "--format=freeze"]
  names = subprocess.run(listed, check=True, capture_output=True, text=True, env=env).stdout.lower()
  for absent in ("tensorflow", "grain", "matplotlib", "jinja2", "torch"):
    assert absent not in names
  train = [bin / "labse-jax", "train", "--config", "quickstart", "--workdir", "run"]
  done = subprocess.run(train, cwd=tmp_path, env=env, text=True, capture_output=True, check=False)
  assert done.returncode == 2 and "pip install 'labse_jax[train]'" in done.stderr
  assert len(done.stderr.splitlines()) == 1
