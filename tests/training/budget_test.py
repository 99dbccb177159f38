"""A budget of seconds as a number of steps, on a clock that the test moves."""

import re

import ml_collections
import pytest

from labse_jax.base.errors import InputError
from labse_jax.training import budget
from labse_jax.training.stacking import Span


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


def one_kind(clock, seconds):
  """The trials of a run of one stage."""
  return [(1.0, steps_that_take(clock, seconds))]


def test_the_first_step_compiles_and_a_slow_one_does_not_count(clock, capsys):
  trials = one_kind(clock, [30, 0.5, 0.5, 0.5, 0.5, 1, *[0.5] * 5])
  # 35.5 of the 235.5 seconds are gone after the trial: 200 are left for steps of half a second.
  assert budget.steps_within(235.5, 1000.0, trials).steps == 400
  assert "400 steps of 0.50 s for the 200 s that are left of 235.5." in capsys.readouterr().out


def test_what_came_before_the_trial_counts(clock):
  assert budget.steps_within(60, 980.0, one_kind(clock, [1] * 7)).steps == 33


def test_too_few_seconds_for_a_step_are_said(clock):
  with pytest.raises(InputError, match="seconds = 7: .* took 7 s; give more"):
    budget.steps_within(7, 1000.0, one_kind(clock, [1] * 7))


def test_each_kind_of_step_counts_by_its_share(clock, capsys):
  shallow = steps_that_take(clock, [10] + [1] * 6)
  deep = steps_that_take(clock, [10] + [3] * 2)
  # 32 seconds are gone after both trials; a step takes 0.75 * 1 + 0.25 * 3 on average.
  assert budget.steps_within(182, 1000.0, [(0.75, shallow), (0.25, deep)]).steps == 100
  assert "100 steps of 1.50 s for the 150 s that are left of 182." in capsys.readouterr().out


def test_every_stage_needs_a_step(clock):
  trials = [(share, steps_that_take(clock, [1] * 7)) for share in (0.5, 0.5)]
  with pytest.raises(InputError, match="give more"):
    budget.steps_within(15.5, 1000.0, trials)


def test_slow_steps_are_tried_twice_at_least_and_not_ten_times(clock):
  # 4 + 4 seconds are beyond PROBE_SECONDS, and so are 30, but one time is no median.
  assert budget.steps_within(92, 1000.0, one_kind(clock, [4, 4, 4])).steps == 20
  assert budget.steps_within(190, clock.now, one_kind(clock, [30, 30, 30])).steps == 3


def test_batches_that_lay_ready_do_not_make_a_step_look_fast(clock):
  # The step itself takes 0.01 s, but the input gives only one batch each 0.04 s.
  steps = [5, *[0.01] * 8, *[0.04] * 1000]
  plan = budget.steps_within(100, 1000.0, one_kind(clock, steps))
  assert plan.seconds == [pytest.approx(0.04)]


def test_the_seconds_of_each_kind_are_told(clock):
  trials = [
    (0.75, steps_that_take(clock, [10] + [1] * 6)),
    (0.25, steps_that_take(clock, [10, 3, 3])),
  ]
  assert budget.steps_within(182, 1000.0, trials).seconds == [1, 3]


def test_what_to_expect_lies_between_what_was_measured():
  points = ((1000, 0.9), (10, 0.5))
  assert budget.expected(points, 100) == "about 0.70"
  assert budget.expected(points, 9) == "less than 0.50"
  assert budget.expected(points, 5000) == "0.90 or more"


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (89, "89 s"), (200, "3 min")])
def test_time_in_words(seconds, said):
  assert budget.in_words(seconds) == said


@pytest.mark.parametrize(
  ("seconds", "words"),
  [
    (89, "89 s"),
    (90, "2 min"),
    (7_000, "117 min"),
    (7_920, "2 h 12 min"),
    (3.6e6, "1,000 h 0 min"),
  ],
)
def test_a_stretch_of_time_in_words(seconds, words):
  assert budget.in_words(seconds) == words


def test_the_pace_is_known_once_a_slow_step_has_followed_the_one_that_compiles():
  pace = budget.Pace()
  pace.add(60)
  assert pace.left(0, 10) is None and pace.first_words(0, 10) is None
  pace.add(8)
  assert pace.left(0, 10) == 80
  said = pace.first_words(0, 990)
  assert said.startswith("a step takes about 8 s; 990 more are done in about 2 h 12 min, at ")
  assert pace.first_words(0, 990) is None  # Once.


def test_of_fast_steps_many_are_timed_and_a_short_rest_is_not_worth_a_line():
  pace = budget.Pace()
  for _ in range(40):
    pace.add(0.1)
  assert pace.left(0, 10) is None
  pace.add(0.1)
  pace.add(0.2)
  assert pace.left(0, 10) == pytest.approx(1.0, rel=0.1)
  assert pace.first_words(0, 10) is None
  assert pace.first_words(0, 10_000) is None  # The bar says how long it takes from here on.


def test_of_several_stages_the_last_is_timed():
  pace = budget.Pace(stages=2)
  for seconds in (9, 5, 5):
    pace.add(seconds, stage=1)
  assert pace.left(0, 4) is None  # How long the steps of the next stage take is not known.
  pace.add(30, stage=2)
  assert pace.left(0, 4) is None
  pace.add(7, stage=2)
  assert pace.left(0, 4) == 28


def test_where_steps_take_longer_than_planned_so_do_those_of_later_stages():
  spans = [Span(1, 0, 0, 60), Span(2, 1, 60, 100)]
  pace = budget.Pace(2, budget.time_left(spans, [0.5, 2.0], 100))
  pace.add(40, stage=1)  # It compiles.
  assert pace.left(10, 100) == 50 * 0.5 + 40 * 2  # As planned: too few steps were timed.
  for _ in range(10):
    pace.add(1.5, stage=1)
  assert pace.left(20, 100) == 3 * (40 * 0.5 + 40 * 2)
  pace.add(9, stage=2)
  assert pace.left(61, 100) == 39 * 2
  pace.add(5, stage=2)
  assert pace.left(62, 100) == 38 * 5
  assert pace.left(100, 100) == 0 and pace.first_words(62, 100) is None


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"seconds": 600.0}, "600 seconds"),
    ({"total_steps": 1200}, "1,200 steps"),
    ({"stages": ((2, 4), (4, 8))}, "12 steps"),
  ],
)
def test_the_length_of_a_run_in_words(changes, words):
  config = ml_collections.ConfigDict({"seconds": 0.0, "total_steps": 0, "stages": ()} | changes)
  assert budget.length_in_words(config) == words


@pytest.mark.parametrize(("seconds", "form"), [(600, r"^\d\d:\d\d$"), (90_000, r" on \d{4}-\d\d-")])
def test_the_end_has_a_date_where_it_is_far_off(seconds, form):
  assert re.search(form, budget._clock_after(seconds))


def test_the_time_left_is_that_of_each_stage_s_own_steps():
  spans = [Span(1, 0, 0, 6), Span(2, 1, 6, 10)]
  left = budget.time_left(spans, [0.5, 2.0], 10)
  assert [left(done) for done in (0, 4, 6, 9, 10)] == [11, 9, 8, 2, 0]


def test_without_steps_that_were_timed_no_time_is_told():
  assert budget.time_left([Span(1, 1, 0, 10)], [], 10) is None
