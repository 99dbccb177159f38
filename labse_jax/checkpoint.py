"""Training state on disk through Orbax, with the position in the data beside it."""

import pathlib
import sys

from orbax.checkpoint import v1 as ocp

from labse_jax.errors import InputError

KEEP = 2  # The newest, and the one before it for when the newest turns out damaged.


class Checkpoints:
  """The checkpoints of one run: `{"state": pytree of arrays, "data": grain iterator}` by step."""

  def __init__(self, directory):
    self.directory = pathlib.Path(directory).absolute()
    self._open()

  def _open(self):
    self.orbax = ocp.training.Checkpointer(
        self.directory, cleanup_tmp_directories=True,
        preservation_policy=ocp.training.preservation_policies.LatestN(KEEP))  # fmt: skip

  def save(self, step, state, data):
    """Starts to write a checkpoint; the arrays are copied first, so training may go on."""
    if self.orbax.latest is None or self.orbax.latest.step != step:
      self.orbax.save_checkpointables_async(step, {"state": state, "data": data}, force=True)

  def restore(self, abstract_state, data):
    """The newest readable state, or None where there is no checkpoint; moves `data` to its place.

    A damaged one is said, set aside as `damaged-STEP`, and the one before it is taken.
    """
    failures = []
    for step in sorted((c.step for c in self.orbax.checkpoints), reverse=True):
      try:
        loaded = self.orbax.load_checkpointables(step, {"state": abstract_state, "data": data})
      except Exception as error:  # Whatever a torn file makes the libraries raise.
        failures.append((step, error))
        continue
      self._set_aside([step for step, _ in failures])
      return loaded["state"]
    if failures:
      step, error = failures[0]
      raise InputError(f"{self.directory}: no checkpoint can be read; of step {step}: {error}")
    return None

  def _set_aside(self, steps):
    for step in steps:
      print(f"labse-jax: the checkpoint of step {step} is damaged; it is set aside and the one "
            "before it is taken.", file=sys.stderr)  # fmt: skip
      (self.directory / str(step)).rename(self.directory / f"damaged-{step}")
    if steps:
      self.orbax.close()
      self._open()

  def close(self):
    """Waits until the last checkpoint is on disk."""
    self.orbax.close()
