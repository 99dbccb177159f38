"""A budget of seconds as a number of steps, on a clock that the test moves."""

import pytest

from labse_jax.base.errors import InputError
from labse_jax.training import budget


class FakeClock:
  """Seconds that pass only where a step says so."""

  def __init__(self):
    self.now = 1000.0

  def monotonic(self):
    return self.now


@pytest.fixture
def clock(monkeypatch):
  clock = FakeClock()
  monkeypatch.setattr(budget, "time", clock)
  return clock


def steps_that_take(clock, seconds):
  left = list(seconds)

  def step():
    clock.now += left.pop(0)

  return step


def test_the_first_step_compiles_and_a_slow_one_does_not_count(clock, capsys):
  step = steps_that_take(clock, [30, 2, 2, 2, 2, 9, 2, 2, 2, 2, 2])
  # 57 of the 257 seconds are gone after the trial: 200 are left for steps of 2.
  assert budget.steps_within(257, 1000.0, step) == 100
  assert "100 steps of 2.00 s for the 200 s that are left of 257." in capsys.readouterr().out


def test_what_came_before_the_trial_counts(clock):
  assert budget.steps_within(60, 980.0, steps_that_take(clock, [1] * 11)) == 29


def test_too_few_seconds_for_a_step_are_said(clock):
  with pytest.raises(InputError, match="seconds = 11: .* took 11 s; give more"):
    budget.steps_within(11, 1000.0, steps_that_take(clock, [1] * 11))
