"""Being asked to stop, by a person or by a machine that is about to go."""

import contextlib
import os
import signal
import sys
import threading

import jax
from jax.experimental import multihost_utils

from labse_jax.base import interrupts
from labse_jax.base.console import note


class Stopper:
  """SIGTERM and the first Ctrl-C ask the loop to save and stop; a second one stops at once.

  In a run of several hosts SIGTERM is JAX's own: its coordinator makes all of them stop at the
  same step. Ctrl-C there ends a host as in any program.
  """

  def __init__(self) -> None:
    self.signal = 0
    self.handled = 0  # Signals that the main thread's handler got.
    self.told = threading.Lock()  # Taken by who tells the person, and never given back.

  def __enter__(self) -> "Stopper":
    numbers = (signal.SIGTERM, signal.SIGINT) if jax.process_count() == 1 else ()
    self.before = {number: signal.signal(number, self._handle) for number in numbers}
    self.block = contextlib.ExitStack()
    if numbers:
      self.block.enter_context(interrupts.answered(self._ask))
    return self

  def __exit__(self, *_: object) -> None:
    self.block.close()
    for number, handler in self.before.items():
      signal.signal(number, handler)

  def _handle(self, number, _):
    """The handler; it runs only when the main thread leaves its call into XLA, seconds later."""
    self.handled += 1
    self._ask(number, self.handled)

  def _ask(self, number, count):
    """Answers a signal, in the thread that sees signals at once and then in the handler."""
    if count > 1:
      os._exit(128 + number)  # Threads of the libraries would print tracebacks on a clean way out.
    self.signal = number
    # Never waiting for the lock: the other thread may wait for one that this thread holds.
    if self.told.acquire(blocking=False):
      print(file=sys.stderr)  # After the ^C that a terminal shows.
      note("will save and stop within two steps; once more stops at once, without saving.")

  def asked(self, step: int) -> int:
    """The signal that asks to stop after this step, or 0; all hosts of a run agree."""
    if jax.process_count() > 1 and multihost_utils.reached_preemption_sync_point(step):
      self.signal = signal.SIGTERM
    return self.signal
