"""What a test needs that may be absent: it skips, or fails in CI."""

import importlib.util
import os

import pytest


def need_torch():
  """Skips where the parity extras are not installed; in CI their absence is an error."""
  missing = [
    name
    for name in ("torch", "transformers", "sentence_transformers")
    if importlib.util.find_spec(name) is None
  ]
  if missing and os.environ.get("CI") == "true":
    raise RuntimeError(f"CI needs {missing} for the parity tests.")
  if missing:
    pytest.skip(f"parity needs {missing}: pip install labse_jax[parity]")
