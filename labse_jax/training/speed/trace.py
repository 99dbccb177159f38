"""A trace of a few steps, for the profiler of TensorBoard or Perfetto."""

from collections.abc import Iterator
import contextlib
import pathlib
from typing import Any

import jax

from labse_jax.base.console import note

STEPS = 3


class Trace:
  """Traces STEPS steps from step `first` on into FOLDER/profile; none where `first` is 0.

  Step 0 compiles, so it is never traced.
  """

  def __init__(self, first: int, folder: pathlib.Path) -> None:
    self.first = first
    self.folder = folder / "profile"
    self.running = False

  @contextlib.contextmanager
  def step(self, step: int) -> Iterator[None]:
    """Stands round a step; in a trace the step has its number."""
    if self.first and step == self.first:
      jax.profiler.start_trace(self.folder)
      self.running = True
    with jax.profiler.StepTraceAnnotation("train", step_num=step):
      yield

  def after(self, step: int, results: Any) -> None:
    """Ends the trace after its last step, once `results` are there."""
    if self.running and step >= self.first + STEPS - 1:
      jax.block_until_ready(results)
      self.close()
      note(f"{self.folder}: a trace of steps {self.first} to {step}.")

  def close(self) -> None:
    """Ends a trace that a run left before its last step."""
    if self.running:
      self.running = False
      jax.profiler.stop_trace()
