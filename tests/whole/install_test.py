"""The clone as pip installs it: in place, as a wheel or a source distribution, and beside what."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import numpy as np
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
import pytest

from labse_jax.base.extras import EXTRAS
from labse_jax.base.version import __version__
from tests.support.places import ROOT

BUILD_IN_PLACE = (
  "import sys; from setuptools import build_meta; build_meta.build_editable(sys.argv[1])"
)
LAUNCH = ROOT / "launch"
BUILD, PROJECT, TORCH = (LAUNCH / "locks" / f"{name}.txt" for name in ("build", "project", "torch"))
LOCKS = {  # What lock.sh makes, and of which pins.
  PROJECT: LAUNCH / "requirements.txt",
  LAUNCH / "locks" / "catalogues.txt": LAUNCH / "catalogues.txt",
}
for name in ("build", "test", "parity", "tpu", "cuda", "uv"):
  LOCKS[LAUNCH / "locks" / f"{name}.txt"] = LAUNCH / f"requirements-{name}.txt"
PACKAGES = {  # Of a library, where it is called otherwise.
  "absl": "absl-py",
  "faiss": "faiss-cpu",
  "orbax": "orbax-checkpoint",
}

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
  subprocess.run(
    [sys.executable, "-c", BUILD_IN_PLACE, built], cwd=clone, check=True, capture_output=True
  )
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
  build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, clone]
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


def entries(path):
  """(requirement, its hashes) of a file of pins or of a lock."""
  text = path.read_text().replace("\\\n", " ")
  found = []
  for line in text.splitlines():
    if line and not line.lstrip().startswith("#"):
      requirement, *hashes = line.split("--hash=")
      found.append((Requirement(requirement), [one.strip() for one in hashes]))
  return found


def pins(path, python, system=("linux", "x86_64")):
  """{package: version} in a file of pins or in a lock, for a version of Python and a system."""
  found = [requirement for requirement, _ in entries(path)]
  assert all(str(pin.specifier).startswith("==") for pin in found)
  here = {"python_version": python, "python_full_version": f"{python}.9"}
  here |= {"sys_platform": system[0], "platform_machine": system[1]}
  found = [pin for pin in found if pin.marker is None or pin.marker.evaluate(here)]
  assert len({pin.name for pin in found}) == len(found)
  return {canonicalize_name(pin.name): str(pin.specifier)[2:] for pin in found}


def allowed(*extras):
  """{package: its range} of pyproject.toml, in the extras and in those that they name."""
  project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
  lists = project["optional-dependencies"] | {"": project["dependencies"]}
  found = {}
  for extra in extras:
    for one in map(Requirement, lists[extra]):
      if one.name == project["name"]:
        found |= allowed(*one.extras)
      else:
        found[canonicalize_name(one.name)] = one.specifier
  return found


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
  "name,extras,more,elsewhere",
  [
    ("requirements.txt", ["", "train", "report"], {"jaxlib"}, set()),
    # Of the test extra the rest is in requirements.txt.
    ("requirements-test.txt", ["test"], set(), allowed("", "train", "report").keys()),
    # jax[tpu] and jax[cuda13] stand for these.
    ("requirements-tpu.txt", ["tpu"], {"libtpu"}, {"jax"}),
    ("requirements-cuda.txt", ["cuda"], {"jax-cuda13-plugin"}, {"jax"}),
    # torch has a lock alone, and needs the two others.
    ("requirements-parity.txt", ["parity"], {"networkx", "sympy"}, {"torch"}),
  ],
)
def test_pins_are_those_of_the_project_and_in_its_ranges(name, extras, more, elsewhere, python):
  pinned, ranges = pins(LAUNCH / name, python), allowed(*extras)
  assert pinned.keys() == (ranges.keys() - elsewhere) | more
  for package, version in pinned.items():
    assert package in more or ranges[package].contains(version), package


def test_an_extra_s_name_is_said_for_each_library_that_the_base_lacks():
  base = allowed("").keys()
  for library, extra in EXTRAS.items():
    package = PACKAGES.get(library, canonicalize_name(library))
    assert package in allowed(extra) and package not in base, library
  needed = allowed("all").keys() - base - {"tensorboardx"}  # Used where it is there.
  packages = {PACKAGES.get(library, canonicalize_name(library)) for library in EXTRAS}
  assert packages == needed | {"tensorflow"}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
  "system",
  [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")],
  ids="-".join,
)
@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_each_pin(lock, system, python):
  locked = {}
  for path in (BUILD, PROJECT, lock):  # What those two have the others leave out.
    locked |= pins(path, python, system)
  pinned = pins(LOCKS[lock], python, system)
  assert pinned.items() <= locked.items()


@pytest.mark.parametrize("lock", [*LOCKS, TORCH], ids=lambda path: path.stem)
def test_each_entry_of_a_lock_has_a_version_and_hashes(lock):
  found = entries(lock)
  assert found
  for requirement, hashes in found:
    assert re.fullmatch("==[0-9][^,*]*", str(requirement.specifier)), requirement
    assert hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes), requirement


def test_locks_name_no_place_that_a_package_comes_from():
  for lock in [*LOCKS, TORCH]:
    assert not re.search(r"://|^-|^[^#]*[ @]/", lock.read_text(), re.MULTILINE), lock
  assert {*LOCKS, TORCH} == set((LAUNCH / "locks").iterdir())
