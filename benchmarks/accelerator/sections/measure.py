"""Seconds, memory, and the share of the device's peak that a piece of work reaches."""

from collections.abc import Callable
import statistics
import time

import jax

from labse_jax.planning.chips import chip


def seconds_of(work: Callable[[], object]) -> float:
  """Seconds of one call, which must wait for the device itself."""
  start = time.perf_counter()
  work()
  return time.perf_counter() - start


def median_seconds(work: Callable[[], object], count: int = 5) -> float:
  """The median of `count` calls, after one that is not timed."""
  work()
  return statistics.median(seconds_of(work) for _ in range(count))


def mfu(flops_per_second: float) -> float | None:
  """The share of the device's peak in bfloat16; None where no peak is known, as of a CPU."""
  here = chip(jax.local_devices())
  return flops_per_second / here.peak if here and here.peak else None


def peak_gigabytes() -> float | None:
  """The most device memory that JAX held in this process so far; None where it does not say."""
  stats = jax.local_devices()[0].memory_stats() or {}
  peak = stats.get("peak_bytes_in_use")
  return peak / 1e9 if peak else None


def encoder_flops(model: dict, length: int) -> int:
  """Floating-point operations of one token's way forward, in rows of `length` tokens.

  A layer multiplies a token by 4 D^2 + 2 D F weights, and attention by 2 L D numbers of its row.
  Training does three times as much. The rows of the word table are looked up, not multiplied.
  """
  D = model["width"]
  F = model["mlp_width"]
  weights = 4 * D * D + 2 * D * F
  return 2 * model["depth"] * (weights + 2 * length * D)
