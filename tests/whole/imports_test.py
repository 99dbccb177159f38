"""What the whole package imports, and what it must not."""

import json
import subprocess
import sys

import pytest


@pytest.mark.heavy
def test_no_torch_is_imported():
  code = (
    "import sys, pkgutil, importlib, labse_jax\n"
    "for m in pkgutil.walk_packages(labse_jax.__path__, 'labse_jax.'):\n"
    "  if not m.name.endswith(('__main__', '.mteb')): importlib.import_module(m.name)\n"
    "print([m for m in ('torch', 'transformers') if m in sys.modules])"
  )
  done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
  assert json.loads(done.stdout.replace("'", '"')) == []
