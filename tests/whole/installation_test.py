"""What runs without extras, and what a command says that needs one."""

import os
import subprocess
import sys

import numpy as np
import pytest

from labse_jax.base.extras import EXTRAS
from tests.support import tiny
from tests.support.places import ROOT

# Python runs it at each start: the libraries of the extras are not found, as if not installed.
WITHOUT_EXTRAS = f"""
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
  def find_spec(self, name, path=None, target=None):
    if name.partition(".")[0] in {sorted(EXTRAS)!r} and asked_by_us():
      raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

def asked_by_us():
  frame = sys._getframe(2)
  while "importlib" in frame.f_code.co_filename:
    frame = frame.f_back
  return "labse_jax" in frame.f_code.co_filename or "experiments" in frame.f_code.co_filename

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
  """python(words...) -> (status, stdout, stderr) of Python where no extra is installed."""
  folder = tmp_path_factory.mktemp("site")
  (folder / "sitecustomize.py").write_text(WITHOUT_EXTRAS)
  env = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}

  def run(*words):
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder, check=False)
    return done.returncode, done.stdout, done.stderr

  return run


@pytest.fixture
def sentences(tmp_path):
  path = tmp_path / "sentences.txt"
  path.write_text("open the file\nclose the page\na new user\n")
  return path


def test_encode_and_search_need_none(python, tiny_folder, sentences, tmp_path):
  vectors = tmp_path / "vectors.npy"
  words = ("--model", tiny_folder, "--input", sentences)
  status, _, errors = python("labse_jax.encode", *words, "--output", vectors)
  assert (status, np.load(vectors).shape[0]) == (0, 3), errors
  status, found, errors = python("labse_jax.search", *words, "--queries", sentences, "--k", 1)
  assert status == 0 and "open the file" in found, errors


@pytest.mark.parametrize("verb", ["mine", "align", "evaluate", "convert", "extend", "trim"])
def test_none_is_imported_by(verb, python):
  status, _, errors = python(f"labse_jax.{verb}", "--help")
  assert (status, errors) == (0, "")


@pytest.mark.parametrize(
  ("words", "library", "extra"),
  [
    (["labse_jax.train", "--config", "quickstart"], "absl", "train"),
    (["labse_jax", "train", "--config", "quickstart"], "absl", "train"),
    (["labse_jax.plan", "--config", "quickstart"], "absl", "train"),
    (["labse_jax.report", "--workdir", "run"], "jinja2", "report"),
  ],
)
def test_which_extra_is_missing_is_one_line(words, library, extra, python):
  expected = f"{library} is missing, which the extra {extra!r} brings"
  status, output, errors = python(*words)
  assert (status, output) == (2, "")
  assert errors == f"labse-jax: {expected}: pip install 'labse_jax[{extra}]'\n"


def test_a_page_that_cannot_be_drawn_is_told_before_the_work(python, tiny_folder, tmp_path):
  report = ("--report", tmp_path / "page.html")
  data = ("--suite", "tatoeba", "--data", tmp_path / "absent")
  status, _, errors = python("labse_jax.evaluate", "--model", tiny_folder, *data, *report)
  assert (status, len(errors.splitlines())) == (2, 1) and "labse_jax[report]" in errors


def test_a_dataset_needs_its_extra(python, tiny_folder, tmp_path):
  tiny.write_dataset(tmp_path / "data", tiny.pairs(20))
  words = ("--model", tiny_folder, "--data", tmp_path / "data")
  status, _, errors = python("labse_jax.teach", *words)
  assert (status, len(errors.splitlines())) == (2, 1) and "labse_jax[data]" in errors


def test_prepare_says_what_it_lacks_before_it_reads(python, tmp_path):
  words = ("--input", tmp_path / "absent.tsv", "--output", tmp_path / "data")
  status, _, errors = python("labse_jax.prepare", *words)
  assert (status, len(errors.splitlines())) == (2, 1) and "labse_jax[data]" in errors
