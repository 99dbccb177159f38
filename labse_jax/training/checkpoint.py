"""Training state on disk through Orbax, with the position in the data beside it."""

from collections.abc import Callable, Iterator
import contextlib
import pathlib
import time
from typing import TYPE_CHECKING

from jax.experimental import multihost_utils
from orbax.checkpoint import v1 as ocp

from labse_jax.base.console import is_main, note
from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.training.optim import State

if TYPE_CHECKING:
  import grain

KEEP = 2  # The newest, and the one before it for when the newest turns out damaged.


class Checkpoints:
  """The checkpoints of one run: `{"state": pytree of arrays, "data": grain iterator}` by step."""

  def __init__(self, directory: PathLike) -> None:
    self.directory = pathlib.Path(directory).absolute()
    self._open()

  def _open(self):
    self.orbax = ocp.training.Checkpointer(
      self.directory,
      cleanup_tmp_directories=True,
      preservation_policy=ocp.training.preservation_policies.LatestN(KEEP),
    )

  def save(self, step: int, state: State, data: "grain.DatasetIterator") -> None:
    """Starts to write a checkpoint; the arrays are copied first, so training may go on."""
    # A run that stops at its first step has that checkpoint already, and Orbax refuses a second.
    if self.orbax.latest is None or self.orbax.latest.step != step:
      with self._said():
        self.orbax.save_checkpointables_async(step, {"state": state, "data": data}, force=True)

  def restore(
    self, abstract_at: Callable[[int], State], data: "grain.DatasetIterator"
  ) -> State | None:
    """The newest readable state, or None where there is no checkpoint; moves `data` to its place.

    `abstract_at(step)` gives the shapes and shardings of the state at a step. A damaged one is
    said, set aside as `damaged-STEP`, and the one before it is taken.
    """
    failures = []
    for step in sorted((c.step for c in self.orbax.checkpoints), reverse=True):
      wanted = {"state": abstract_at(step), "data": data}
      try:
        loaded = self.orbax.load_checkpointables(step, wanted)
      except Exception as error:  # Whatever a torn file makes the libraries raise.
        failures.append((step, _first_line(error)))
        continue
      # Only now: where no checkpoint can be read, all stay where they are.
      for failure in failures:
        self._set_aside(*failure)
      return loaded["state"]
    if failures:
      step, reason = failures[0]
      raise InputError(f"{self.directory}: no checkpoint can be read; of step {step}: {reason}")
    return None

  def _set_aside(self, step, error):
    note(
      f"the checkpoint of step {step} is damaged ({error}); it is set aside and the one before it "
      "is taken."
    )
    self.orbax.close()
    if is_main():
      place = self.directory / f"damaged-{step}-{time.time_ns()}"
      (self.directory / str(step)).rename(place)
    multihost_utils.sync_global_devices(f"damaged-{step}")
    self._open()

  def close(self) -> None:
    """Waits until the last checkpoint is on disk."""
    with self._said():
      self.orbax.close()

  @contextlib.contextmanager
  def _said(self) -> Iterator[None]:
    """Makes a write that failed one line: a full disk comes back as an error of the libraries."""
    try:
      yield
    except (OSError, ValueError, RuntimeError) as error:
      raise InputError(
        f"{self.directory}: a checkpoint cannot be written: {_first_line(error)}"
      ) from error


def _first_line(error):
  """The first line of an error's message, or its type where it has none."""
  text = str(error) or repr(error)
  return text.splitlines()[0][:200]
