"""A budget of seconds as a number of steps."""

import statistics
import time

from jax.experimental import multihost_utils
import numpy as np

from labse_jax.base.console import say
from labse_jax.base.errors import InputError

PROBE_STEPS = 10  # Timed, after one that compiles.


def steps_within(seconds, started, step):
  """How many steps end `seconds` after `started`, by the median time of a few.

  `step()` makes one and waits for its end. All hosts get the same number. Raises InputError where
  not one step fits.
  """
  times = []
  for _ in range(1 + PROBE_STEPS):
    began = time.monotonic()
    step()
    times.append(time.monotonic() - began)
  each = statistics.median(times[1:])
  left = seconds - (time.monotonic() - started)
  steps = int(multihost_utils.broadcast_one_to_all(np.int32(left / each)))
  if steps < 1:
    raise InputError(
      f"seconds = {seconds:g}: compiling and timing the first steps took "
      f"{seconds - left:.0f} s; give more."
    )
  say(f"{steps:,} steps of {each:.2f} s for the {left:.0f} s that are left of {seconds:g}.")
  return steps
