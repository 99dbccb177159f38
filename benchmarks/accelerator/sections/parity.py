"""Whether this device computes what a CPU does: vectors of 400 lines, and two training steps.

The CPU's part runs at the same time, in a process of its own: `python -m sections.parity`.
"""

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np

from labse_jax.encoding.sentence_encoder import SentenceEncoder
from sections import model, packed
from sections.places import KIT, SMALL, WORK
from sections.results import Results
from sections.training_steps import TrainingSteps, config_of

LINES = 60 if SMALL else 400
ROWS = 8
LENGTH = 32 if SMALL else 64
STEPS = 2  # The second one sees what the first one's gradients did.
MOST_DIFFERENCE = 2e-5  # Of a number in a unit vector, in float32.
MOST_RELATIVE = 1e-3  # Of the loss and of the gradient's norm, in float32.
LEAST_COSINE = 0.9995  # Of bfloat16 to float32.
BY_CPU = WORK / "by_cpu.npz"


def run(results: Results) -> None:
  # Both processes read these, so they must be there before the other one starts.
  model.folder()
  packed.dataset()
  BY_CPU.unlink(missing_ok=True)
  environment = os.environ | {"JAX_PLATFORMS": "cpu"}
  environment["PYTHONPATH"] = f"{KIT}{os.pathsep}{environment.get('PYTHONPATH', '')}"
  cpu = subprocess.Popen([sys.executable, "-m", "sections.parity"], env=environment)
  here = float32()
  low_ND = vectors("bfloat16")
  if cpu.wait():
    results.fail("cpu", f"its process ended with status {cpu.returncode}")
    return
  with np.load(BY_CPU) as by_cpu:
    compare(results, here, low_ND, by_cpu)


def float32() -> dict[str, np.ndarray]:
  """What is compared, by the device that JAX has in this process."""
  return {"vectors": vectors("float32"), "training": training()}


def vectors(precision: str) -> np.ndarray:
  encoder = SentenceEncoder.load(model.folder(), dtype=precision)
  return encoder.encode(packed.lines(LINES))


def training() -> np.ndarray:
  """The last step's loss and gradient norm."""
  metrics = TrainingSteps(config_of(ROWS, LENGTH)).run(STEPS)
  return np.array([metrics["loss"], metrics["grad_norm"]])


def compare(results: Results, here: dict, low_ND: np.ndarray, by_cpu: dict) -> None:
  difference = float(np.abs(here["vectors"] - by_cpu["vectors"]).max())
  check(results, "float32_largest_difference", difference, difference < MOST_DIFFERENCE)
  cosine = float((low_ND * by_cpu["vectors"]).sum(1).min())
  check(results, "bfloat16_least_cosine", cosine, cosine > LEAST_COSINE)
  relative = np.abs(here["training"] / by_cpu["training"] - 1)
  for name, value in zip(("loss", "grad_norm"), relative.tolist(), strict=True):
    check(results, f"float32_{name}_relative_difference", value, value < MOST_RELATIVE)


def check(results: Results, name: str, value: float, is_right: bool) -> None:
  results.note(name, value)
  if not is_right:
    results.fail(name, f"{value} is too far off")


def write_by_cpu(path: pathlib.Path) -> None:
  assert jax.default_backend() == "cpu"
  np.savez(path, **float32())


if __name__ == "__main__":
  write_by_cpu(BY_CPU)
