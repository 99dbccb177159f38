"""A budget of seconds as a number of steps."""

import statistics
import time
from typing import NamedTuple

from jax.experimental import multihost_utils
import numpy as np

from labse_jax.base.console import say
from labse_jax.base.errors import InputError

PROBE_STEPS = 10  # Timed, after one that compiles; fewer where they take longer than this:
PROBE_SECONDS = 6.0


class Plan(NamedTuple):
  """The length of a run: its steps, and the seconds that one of each kind takes."""

  steps: int
  seconds: list


def steps_within(seconds, started, trials):
  """The Plan that ends `seconds` after `started`, by the median time of a few steps of each kind.

  `trials` are (share of all steps, function that makes one such step and waits for its end). All
  hosts get the same number. Raises InputError where not one step fits.
  """
  times = [_time_of(step) for _, step in trials]
  each = sum(share * time for (share, _), time in zip(trials, times, strict=True))
  left = seconds - (time.monotonic() - started)
  steps = int(multihost_utils.broadcast_one_to_all(np.int32(left / each)))
  if steps < len(trials):
    raise InputError(
      f"seconds = {seconds:g}: compiling and timing the first steps took "
      f"{seconds - left:.0f} s; give more."
    )
  say(f"{steps:,} steps of {each:.2f} s for the {left:.0f} s that are left of {seconds:g}.")
  return Plan(steps, times)


def expected(points, steps):
  """The accuracy that runs of so many steps had: `points` are (steps, accuracy) that were measured.

  Between them by the logarithm of the steps, and beyond them that of the nearest.
  """
  known_steps, accuracies = zip(*sorted(points), strict=True)
  return float(np.interp(np.log(steps), np.log(known_steps), accuracies))


def in_words(seconds):
  """A stretch of time as a person says it."""
  if seconds < 90:
    return f"{seconds:.0f} s"
  return f"{seconds / 60:.0f} min"


def _time_of(step):
  step()  # Compiles.
  times = []
  while len(times) < 2 or (len(times) < PROBE_STEPS and sum(times) < PROBE_SECONDS):
    began = time.monotonic()
    step()
    times.append(time.monotonic() - began)
  return statistics.median(times)
