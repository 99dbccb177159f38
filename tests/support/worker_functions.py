"""What the workers of a test do; in a module of its own, so that they can import it."""

import contextlib
import os
import signal
import time

from labse_jax.base.errors import InputError


@contextlib.contextmanager
def one_of_each():
  """Gives a function that does what its item says and returns (the process's id, the item)."""
  yield _do


def _do(item):
  if item == "die":
    os.kill(os.getpid(), signal.SIGKILL)
  if item == "refuse":
    raise InputError("this item is wrong.")
  if item == "sleep":
    time.sleep(0.2)
  if item == "print":
    print("a line that is no result", flush=True)
  return os.getpid(), item
