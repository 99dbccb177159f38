"""The clone as `pip install -e` installs it: setuptools makes a wheel, which pip unpacks."""

import os
import shutil
import subprocess
import sys
import zipfile

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
  pytest.importorskip("setuptools", minversion="68")
  clone = tmp_path / "above" / "labse_jax"
  clone.mkdir(parents=True)
  for name in ("setup.py", "pyproject.toml", "README.md"):
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
