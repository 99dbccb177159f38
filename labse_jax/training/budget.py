"""A budget of seconds as a number of steps."""

import statistics
import time

from jax.experimental import multihost_utils
import numpy as np

from labse_jax.base.console import say
from labse_jax.base.errors import InputError

PROBE_STEPS = 10  # Timed, after one that compiles; fewer where they take longer than this:
PROBE_SECONDS = 6.0


def steps_within(seconds, started, trials):
  """How many steps end `seconds` after `started`, by the median time of a few of each kind.

  `trials` are (share of all steps, function that makes one such step and waits for its end). All
  hosts get the same number. Raises InputError where not one step fits.
  """
  each = 0.0
  for share, step in trials:
    each += share * _time_of(step)
  left = seconds - (time.monotonic() - started)
  steps = int(multihost_utils.broadcast_one_to_all(np.int32(left / each)))
  if steps < len(trials):
    raise InputError(
      f"seconds = {seconds:g}: compiling and timing the first steps took "
      f"{seconds - left:.0f} s; give more."
    )
  say(f"{steps:,} steps of {each:.2f} s for the {left:.0f} s that are left of {seconds:g}.")
  return steps


def _time_of(step):
  step()  # Compiles.
  times = []
  while len(times) < 2 or (len(times) < PROBE_STEPS and sum(times) < PROBE_SECONDS):
    began = time.monotonic()
    step()
    times.append(time.monotonic() - began)
  return statistics.median(times)
