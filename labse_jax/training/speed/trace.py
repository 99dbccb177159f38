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

  The first step that is made compiles, so it is never traced.
  """

  def __init__(self, first: int, folder: pathlib.Path) -> None:
    self.first = first
    self.folder = folder / "profile"
    self.traced: list[int] = []
    self.running = False
    self.compiled = False

  @contextlib.contextmanager
  def step(self, step: int) -> Iterator[None]:
    """Stands round a step; in a trace the step has its number."""
    asked = self.first and self.first <= step < self.first + STEPS
    if asked and self.compiled and not self.traced:
      jax.profiler.start_trace(self.folder)
      self.running = True
    if self.running:
      self.traced.append(step)
    with jax.profiler.StepTraceAnnotation("train", step_num=step):
      yield
    self.compiled = True

  def after(self, results: Any) -> None:
    """Ends the trace after its last step, once `results` are there."""
    if self.running and len(self.traced) == STEPS:
      jax.block_until_ready(results)
      self._end()

  def close(self) -> None:
    """Ends a trace that a run left before its last step, and says where there is none."""
    if self.running:
      self._end()
    elif self.first and not self.traced:
      last = self.first + STEPS - 1
      note(
        f"config.profile = {self.first}: nothing was traced. Steps {self.first} to {last} were not "
        "made, or only as the first step of this run, which compiles."
      )

  def _end(self):
    self.running = False
    jax.profiler.stop_trace()
    note(f"{self.folder}: a trace of steps {self.traced[0]} to {self.traced[-1]}.")
