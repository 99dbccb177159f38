"""A stretch of a run in which the model has one depth."""

from collections.abc import Callable, Sequence
import dataclasses
import functools
import time

import grain
import jax

from labse_jax.base.console import say
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import batch_sharding
from labse_jax.base.types import Params
from labse_jax.data.batches.streams import to_devices
from labse_jax.training.encoder_task import EncoderTask
from labse_jax.training.optim import State
from labse_jax.training.optimizers import Batch
from labse_jax.training.speed.arithmetic import useful_flops
from labse_jax.training.stacking import Span

Metrics = dict[str, jax.Array]


@dataclasses.dataclass
class Stage:
  """A stretch of the run in which the model has one depth, and what is compiled for it."""

  span: Span
  task: EncoderTask
  abstract: State  # The state's shapes with their shardings.
  init: Callable[[jax.Array], State]  # key -> the state at the start.
  train_step: jax.stages.Wrapped  # state, batch, key -> state, metrics.
  settle: Callable[[State], Params]  # The state -> the parameters as they are to be used.
  grow: Callable[[State], State]  # The state of the stage before -> that of this one.
  label: dict[str, int]  # What the metrics say of the stage.
  mesh: jax.sharding.Mesh
  compile_seconds: float | None = None  # What the first call of `step` took; None before it.

  def step(self, state: State, batch: Batch, key: jax.Array) -> tuple[State, Metrics]:
    """train_step; its first call compiles, and that is told when it begins."""
    if self.compile_seconds is not None:
      return self.train_step(state, batch, key)
    of_stage = f" of stage {self.span.number}" if self.label else ""
    say(f"compiling the step{of_stage}.")
    start = time.monotonic()
    state, metrics = self.train_step(state, batch, key)
    self.compile_seconds = time.monotonic() - start
    return state, metrics

  def facts(self) -> dict[str, float]:
    """What the metrics say of the stage, the same in all rows once a step was made."""
    facts: dict[str, float] = dict(self.label)
    if self.compile_seconds is not None:
      facts["compile_seconds"] = self.compile_seconds
    return facts

  @functools.cached_property
  def flops(self) -> int | None:
    """The useful arithmetic of a step (see `useful_flops`); None, which is said, for no count."""
    try:
      return useful_flops(self.task, self.abstract["params"], self.mesh)
    except NotImplementedError as error:  # Of a loss of a person's own.
      say(f"the metrics have no mfu: {error}")
      return None

  def trial(
    self,
    state: State,
    data: grain.DatasetIterator,
    key: jax.Array,
    mesh: jax.sharding.Mesh,
  ) -> Callable[[], None]:
    """A function that makes one step from the state where the last one ended, and waits for it."""

    def step() -> None:
      nonlocal state
      batch = to_devices(next(data), batch_sharding(mesh))
      state, metrics = self.step(state, batch, key)
      jax.block_until_ready(metrics)

    return step


def stage_at(stages: Sequence[Stage], step: int, total: int | None) -> Stage:
  """The stage that made the checkpoint of `step`: at a border, the one that ends there."""
  if len(stages) == 1:
    return stages[0]
  if total is None:
    raise InputError("The run's folder has checkpoints but no steps.json: its length is not known.")
  return next(stage for stage in stages if step <= stage.span.end(total))
