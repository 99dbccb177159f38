"""A stretch of a run in which the model has one depth."""

from collections.abc import Callable, Sequence
import dataclasses

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
  compiled: bool = False  # Whether `step` has been called.

  def step(self, state: State, batch: Batch, key: jax.Array) -> tuple[State, Metrics]:
    """train_step; its first call compiles, and that is told when it begins."""
    if not self.compiled:
      self.compiled = True
      of_stage = f" of stage {self.span.number}" if self.label else ""
      say(f"compiling the step{of_stage}.")
    return self.train_step(state, batch, key)

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
