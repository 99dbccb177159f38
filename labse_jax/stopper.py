"""Being asked to stop, by a person or by a machine that is about to go."""

import signal

import jax
from jax.experimental import multihost_utils


class Stopper:
  """SIGTERM and the first Ctrl-C ask the loop to save and stop; a second Ctrl-C stops at once."""

  def __init__(self):
    self.signal = 0

  def __enter__(self):
    self.before = {s: signal.signal(s, self._ask) for s in (signal.SIGTERM, signal.SIGINT)}
    return self

  def __exit__(self, *_):
    for number, handler in self.before.items():
      signal.signal(number, handler)

  def _ask(self, number, _):
    if self.signal:
      raise KeyboardInterrupt
    self.signal = number

  def asked(self, step):
    """Whether to stop after this step; all hosts of a run agree."""
    if jax.process_count() > 1 and multihost_utils.reached_preemption_sync_point(step):
      self.signal = self.signal or signal.SIGTERM
      return True
    return jax.process_count() == 1 and bool(self.signal)
