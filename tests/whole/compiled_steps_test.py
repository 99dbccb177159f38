"""A train step on several CPU devices is the same at a second start with a disk cache turned on.

With the guard of `base/sharding.py` taken back, the second start reads its steps from the disk, and
each of these gave other losses than the first, NaN, or no end.
"""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.robustness import tiny_folder
from benchmarks.robustness.compiled_steps import XLA
from tests.support.places import ROOT

CASES = (
  "hard_negative_ranking-ring-1-matryoshka",
  "hard_negative_ranking-ring-1-matryoshka-learned",
  "similarity_distillation-ring-1",
  "similarity_distillation-ring-1-matryoshka",
  "similarity_distillation-ring-2-matryoshka",
  "tcm-ring-1-matryoshka",
)
DEVICES = 4
STEPS = 4


def losses(folder, cache):
  """{case: what a start prints for it}."""
  module = "benchmarks.robustness.step_cases"
  done = subprocess.run(
    [sys.executable, "-m", module, str(folder), str(STEPS), *CASES],
    cwd=ROOT,
    # As a person would turn the cache on.
    env=os.environ
    | {
      "XLA_FLAGS": f"--xla_force_host_platform_device_count={DEVICES} {XLA}",
      "JAX_COMPILATION_CACHE_DIR": str(cache),
      "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    },
    text=True,
    stdout=subprocess.PIPE,
    timeout=500,
    check=False,
  )
  rows = map(json.loads, done.stdout.splitlines())
  return {row["case"]: row["losses"] for row in rows}


@pytest.fixture(scope="module")
def starts(tmp_path_factory):
  """What the first start and the second one gave."""
  folder = tmp_path_factory.mktemp("compiled") / "tiny"
  tiny_folder.make(folder)
  cache = folder.with_name("cache")
  return losses(folder, cache), losses(folder, cache)


@pytest.mark.heavy
@pytest.mark.parametrize("case", CASES)
def test_a_second_start_gives_the_same_losses(starts, case):
  first, second = starts
  assert len(first[case]) == STEPS
  assert second.get(case) == first[case]
