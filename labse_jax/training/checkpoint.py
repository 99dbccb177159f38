"""Training state on disk through Orbax, with the position in the data and digests of the files."""

from collections.abc import Callable, Iterator
import contextlib
import functools
import pathlib
import time
from typing import TYPE_CHECKING

from jax.experimental import multihost_utils
from orbax.checkpoint import v1 as ocp

from labse_jax.base.console import is_main, note
from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.base.writing import agreement, digests
from labse_jax.training.optim import State

if TYPE_CHECKING:
  import grain

KEEP = 2  # The newest, and the one before it for when the newest turns out damaged.
UNFINISHED = "*.orbax-checkpoint-tmp"
# Orbax writes these last, after the digests. Nothing of the state is in them.
LATE = ("_CHECKPOINT_METADATA", "commit_success.txt")


class Checkpoints:
  """The checkpoints of one run: `{"state": pytree of arrays, "data": grain iterator}` by step."""

  def __init__(self, directory: PathLike) -> None:
    self.directory = pathlib.Path(directory).absolute()
    self._open()

  def _open(self):
    context = ocp.Context()
    write_digests = functools.partial(_write_digests, self.directory)
    context.async_options.post_finalization_callback = write_digests
    self.orbax = ocp.training.Checkpointer(
      self.directory,
      context=context,
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
    """The newest state that is whole, or None where there is no checkpoint; moves `data` there.

    `abstract_at(step)` gives the shapes and shardings of the state at a step. The files of a
    checkpoint are compared with their digests before they are read. A damaged one is said, set
    aside as `damaged-STEP`, and the one before it is taken. One without digests, as earlier
    versions wrote it, is taken only where no other can be; that is said too.
    """
    checked, unchecked = self._steps()
    damaged = []
    for step in (*checked, *unchecked):
      reason = self._damage(step) if step in checked else None
      if reason is None:
        loaded, reason = self._load(step, {"state": abstract_at(step), "data": data})
      if reason is not None:
        damaged.append((step, reason))
        continue
      # Only now: where no checkpoint can be read, all stay where they are.
      for other, reason in damaged:
        self._set_aside(other, "damaged", f"is damaged ({reason})")
      if step in unchecked:
        note(f"the checkpoint of step {step} has no {digests.NAME}; it is taken unchecked.")
      for newer in unchecked if step in checked else ():
        if newer > step:
          self._set_aside(newer, "unchecked", f"has no {digests.NAME} to check it by")
      return loaded["state"]
    if damaged:
      step, reason = damaged[0]
      raise InputError(f"{self.directory}: no checkpoint can be read; of step {step}: {reason}")
    return None

  def _steps(self) -> tuple[list[int], list[int]]:
    """The steps whose checkpoints have digests, and those without, the newest first."""
    steps = [checkpoint.step for checkpoint in reversed(self.orbax.checkpoints)]
    checked = [step for step in steps if digests.has(self.directory / str(step))]
    unchecked = [step for step in steps if step not in checked]
    return agreement.of_first([checked, unchecked])

  def _damage(self, step):
    """What is wrong with the files of a checkpoint; None where nothing is."""
    found = None
    if is_main():
      found = digests.damage(self.directory / str(step), without=LATE)
    return agreement.of_first(found)

  def _load(self, step, wanted):
    """Returns (what was saved, None), or (None, what is wrong); all hosts get the same kind."""
    loaded = None
    reason = None
    try:
      loaded = self.orbax.load_checkpointables(step, wanted)
    except Exception as error:  # Whatever a torn file makes the libraries raise.
      reason = _first_line(error)
    if not agreement.all_of(reason is None):
      return None, reason or "another host cannot read it"
    return loaded, None

  def _set_aside(self, step, name, why):
    aside = f"it is set aside as {name}-{step}, and another is taken."
    note(f"the checkpoint of step {step} {why}; {aside}")
    self.orbax.close()
    if is_main():
      place = self.directory / f"{name}-{step}-{time.time_ns()}"
      (self.directory / str(step)).rename(place)
    multihost_utils.sync_global_devices(f"{name}-{step}")
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


def _write_digests(directory):
  """Orbax calls it on the first host, in the thread that saves, before a checkpoint is in place.

  So there is none without digests, wherever the process is killed.
  """
  [unfinished] = directory.glob(UNFINISHED)
  digests.write(unfinished, without=LATE)


def _first_line(error):
  """The first line of an error's message, or its type where it has none."""
  text = str(error) or repr(error)
  return text.splitlines()[0][:200]
