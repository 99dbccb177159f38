"""Rates of training steps, and the shares of time and arithmetic that are used."""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import time

import jax

# Metrics that are another at each run.
OF_TIME = (
  "compile_seconds",
  "input_wait",
  "mfu",
  "peak_memory_gb",
  "sentences_per_second",
  "tokens_per_second",
  "tokens_per_second_per_device",
)


class Meter:
  """Measures one step after another: its seconds, and those in which devices lacked their input."""

  def __init__(self, peak: float | None = None) -> None:
    self.peak = peak  # Of all devices together, in FLOP/s; None where it is not known.
    self.devices = jax.device_count()
    self.restart()

  def restart(self) -> None:
    """Begins the next step now, so that what was done before it does not count."""
    self.last = time.monotonic()
    self.waited = 0.0

  @contextlib.contextmanager
  def waiting(self, busy: Callable[[], bool]) -> Iterator[None]:
    """What stands inside is waiting for input; it counts unless the devices are `busy` after it."""
    start = time.monotonic()
    yield
    if not busy():
      self.waited += time.monotonic() - start

  def lap(
    self, metrics: Mapping[str, float], flops: float | None = None
  ) -> tuple[float, dict[str, float]]:
    """(seconds since the last lap, the rates of this one) of a step with these metrics.

    `tokens` (padding not counted) and, where there are some, `pairs` are its size; `flops` is its
    useful arithmetic (see `arithmetic.useful_flops`). The rates:

    - `tokens_per_second`, `tokens_per_second_per_device` and `sentences_per_second`;
    - `input_wait`, the share of the time that the devices waited for input, at most;
    - `mfu`, the useful arithmetic as a share of what the devices could compute in that time;
    - `peak_memory_gb`, the most that a device of this host has held so far.
    """
    seconds = time.monotonic() - self.last
    rate = metrics["tokens"] / seconds
    rates = {
      "tokens_per_second": rate,
      "tokens_per_second_per_device": rate / self.devices,
      "input_wait": self.waited / seconds,
    }
    if "pairs" in metrics:
      rates["sentences_per_second"] = 2 * metrics["pairs"] / seconds
    if flops and self.peak:
      rates["mfu"] = flops / seconds / self.peak
    memory = peak_memory()
    if memory:
      rates["peak_memory_gb"] = memory / 1e9
    self.restart()
    return seconds, rates


def peak_memory() -> int | None:
  """The most bytes that a device of this host has held; None where they do not say."""
  found = [device.memory_stats() or {} for device in jax.local_devices()]
  return max((stats.get("peak_bytes_in_use", 0) for stats in found), default=0) or None
