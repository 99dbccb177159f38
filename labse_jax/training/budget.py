"""A budget of seconds as a number of steps."""

import statistics
import time

import jax
from jax.experimental import multihost_utils
import jax.numpy as jnp
import numpy as np

from labse_jax.base.console import say
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import batch_sharding
from labse_jax.data.batches.streams import to_devices

PROBE_STEPS = 10  # Timed to turn a budget of seconds into a number of steps.


def steps_within(seconds, start, train_step, state, batches, key, mesh):
  """How many steps end `seconds` after `start`, by the median of a few on a copy of the state.

  Fixed once and kept in the checkpoint, so that the schedule and a resume know the end.
  """
  copy, times = jax.tree.map(jnp.copy, state), []
  for _ in range(1 + PROBE_STEPS):
    began = time.monotonic()
    copy, metrics = train_step(copy, to_devices(next(batches), batch_sharding(mesh)), key)
    jax.block_until_ready(metrics)
    times.append(time.monotonic() - began)
  each, left = statistics.median(times[1:]), seconds - (time.monotonic() - start)
  steps = int(multihost_utils.broadcast_one_to_all(np.int32(left / each)))
  if steps < 1:
    raise InputError(
      f"seconds = {seconds:g}: compiling and timing the first steps took "
      f"{seconds - left:.0f} s; give more."
    )
  say(f"{steps:,} steps of {each:.2f} s for the {left:.0f} s that are left of {seconds:g}.")
  return steps
