"""Being asked to stop, by a person or by a machine that is about to go."""

import os
import signal
import sys

import jax
from jax.experimental import multihost_utils

from labse_jax.base.console import note


class Stopper:
  """SIGTERM and the first Ctrl-C ask the loop to save and stop; a second one stops at once.

  In a run of several hosts SIGTERM is JAX's own: its coordinator makes all of them stop at the
  same step. Ctrl-C there ends a host as in any program.
  """

  def __init__(self):
    self.signal = 0

  def __enter__(self):
    numbers = (signal.SIGTERM, signal.SIGINT) if jax.process_count() == 1 else ()
    self.before = {number: signal.signal(number, self._ask) for number in numbers}
    return self

  def __exit__(self, *_):
    for number, handler in self.before.items():
      signal.signal(number, handler)

  def _ask(self, number, _):
    if self.signal:
      os._exit(128 + number)  # Threads of the libraries would print tracebacks on a clean way out.
    self.signal = number
    print(file=sys.stderr)  # After the ^C that a terminal shows.
    note("saving after this step; once more stops at once.")

  def asked(self, step):
    """The signal that asks to stop after this step, or 0; all hosts of a run agree."""
    if jax.process_count() > 1 and multihost_utils.reached_preemption_sync_point(step):
      self.signal = signal.SIGTERM
    return self.signal
