import jax
import pytest

from labse_jax.training.speed import meter
from labse_jax.training.speed.meter import Meter


@pytest.fixture
def clock(monkeypatch):
  """A clock that a test sets: clock[0] is the time."""
  now = [100.0]
  monkeypatch.setattr(meter.time, "monotonic", lambda: now[0])
  return now


def test_rates_are_of_one_step_and_know_what_was_waited_for(clock, monkeypatch):
  monkeypatch.setattr(meter, "peak_memory", lambda: 3_000_000_000)
  found = Meter(peak=1e12)
  with found.waiting(lambda: False):
    clock[0] += 1
  clock[0] += 3
  seconds, rates = found.lap({"tokens": 800, "pairs": 20}, flops=1e12)
  assert seconds == 4
  assert rates == {
    "tokens_per_second": 200,
    "tokens_per_second_per_device": 200 / jax.device_count(),
    "sentences_per_second": 10,
    "input_wait": 0.25,
    "mfu": 0.25,
    "peak_memory_gb": 3,
  }
  assert set(rates) < set(meter.OF_TIME)
  clock[0] += 2
  with found.waiting(lambda: True):
    clock[0] += 2
  assert found.lap({"tokens": 800})[1]["input_wait"] == 0


def test_what_is_not_known_is_left_out(clock, monkeypatch):
  monkeypatch.setattr(meter, "peak_memory", lambda: None)
  found = Meter()
  clock[0] += 1
  _, rates = found.lap({"tokens": 8}, flops=1e12)
  assert sorted(rates) == ["input_wait", "tokens_per_second", "tokens_per_second_per_device"]


def test_what_was_done_before_a_restart_does_not_count(clock):
  found = Meter()
  with found.waiting(lambda: False):
    clock[0] += 5
  found.restart()
  clock[0] += 1
  seconds, rates = found.lap({"tokens": 8})
  assert (seconds, rates["input_wait"]) == (1, 0)
