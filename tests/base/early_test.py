"""Ctrl-C before a command runs ends it at once; importing the package changes nothing."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from labse_jax.base import early
from tests.support.places import ROOT

IMPORT = """
import json, os, signal, sys, threading, time

def state():
  signals = [str(signal.getsignal(number)) for number in signal.valid_signals()]
  hooks = [sys.excepthook, sys.unraisablehook, threading.excepthook, sys.meta_path, sys.path]
  return signals, list(map(str, hooks)), dict(os.environ), sorted(vars(__builtins__))

before = state()
start = time.process_time()
import labse_jax
seconds = time.process_time() - start
heavy = {"jax", "numpy", "flax", "tokenizers"} & sys.modules.keys()
print(json.dumps([state() == before, seconds, sorted(heavy), labse_jax.__version__]))
"""


def python(*words, **options):
  env = os.environ | {"PYTHONPATH": str(ROOT)}
  done = subprocess.run(
    [sys.executable, *words], capture_output=True, text=True, env=env, **options
  )
  assert done.returncode == 0, done.stderr
  return done.stdout


def test_importing_the_package_changes_nothing_and_is_quick():
  same, seconds, heavy, version = json.loads(python("-c", IMPORT))
  assert same and heavy == [] and version
  assert seconds < 0.2  # Of processor; it takes about 0.002.


def test_a_module_of_somebody_elses_keeps_its_ctrl_c(tmp_path):
  package = tmp_path / "other"
  package.mkdir()
  (package / "__init__.py").write_text("import labse_jax\n")
  (package / "run.py").write_text("import signal; print(signal.getsignal(signal.SIGINT))\n")
  for words in ((), ("labse_jax.encode",), ("-m", "labse_jax.encode")):
    assert "default_int_handler" in python("-m", "other.run", *words, cwd=tmp_path)


@pytest.mark.parametrize(
  ("module", "is_ours"),
  [
    ("labse_jax.encode", True),
    ("-mlabse_jax.encode", True),
    ("-umlabse_jax.encode", True),
    ("labse_jax", False),  # It imports nothing heavy before it runs.
    ("pytest", False),
    ("my_labse_jax.encode", False),
    ("labse_jax.encode.more", False),
  ],
)
def test_only_a_command_is_one(module, is_ours, monkeypatch):
  installed = []
  monkeypatch.setattr(signal, "signal", lambda *given: installed.append(given))
  early.install(module)
  assert bool(installed) == is_ours


@pytest.mark.parametrize(
  ("flags", "number"),
  [
    (["-m"], signal.SIGINT),
    (["-m"], signal.SIGTERM),
    (["-u", "-m"], signal.SIGINT),
    (["-um"], signal.SIGINT),
    (["-X", "utf8", "-m"], signal.SIGINT),
  ],
)
def test_a_signal_while_a_command_is_imported_is_one_line(tmp_path, flags, number):
  # In the place of a slow import.
  (tmp_path / "argparse.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(30)\n")
  process = subprocess.Popen(
    [sys.executable, *flags, "labse_jax.encode", "--help"],
    env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
    cwd=tmp_path,
    text=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )
  assert process.stdout.readline() == "here\n"
  start = time.monotonic()
  process.send_signal(number)
  assert process.communicate(timeout=20) == ("", "labse-jax: interrupted\n")
  assert process.returncode == 128 + number and time.monotonic() - start < 10
