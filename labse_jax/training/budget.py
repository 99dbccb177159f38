"""A budget of seconds as a number of steps."""

import collections
from collections.abc import Callable, Iterable, Sequence
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

from jax.experimental import multihost_utils
import numpy as np

from labse_jax.base.console import say
from labse_jax.base.errors import InputError
from labse_jax.base.types import Config

if TYPE_CHECKING:
  from labse_jax.training.stacking import Span

PROBES = 10  # Timed, after a step that compiles; fewer where they take longer than this:
PROBE_SECONDS = 6.0
# Fast steps are timed several at once: until the batches that lie ready are used up, a step that
# waits for its input looks faster than it is.
LEAST_PROBE_SECONDS = 0.2
PACE_STEPS = 50  # The last steps of a run say how long the next ones take,
PACE_SECONDS = 4.0  # once they took so long together: one slow step will do.
WORTH_SAYING = 60  # Seconds.
HALF_A_DAY = 12 * 60 * 60


class Plan(NamedTuple):
  """The length of a run: its steps, and the seconds that one of each kind takes."""

  steps: int
  seconds: list[float]


def steps_within(
  seconds: float, started: float, trials: Iterable[tuple[float, Callable[[], None]]]
) -> Plan:
  """The Plan that ends `seconds` after `started`, by the median time of a few steps of each kind.

  `trials` are (share of all steps, function that makes one such step and waits for its end). All
  hosts get the same number. Raises InputError where there would be fewer steps than kinds.
  """
  say(f"timing some steps, to plan how many fit into {seconds:g} seconds.")
  times = []
  each = 0.0
  for share, step in trials:
    times.append(_time_of(step))
    each += share * times[-1]
    del step  # Its state can go before the next kind's comes.
  left = seconds - (time.monotonic() - started)
  steps = _agreed(left / each)
  if steps < len(times):
    raise InputError(
      f"seconds = {seconds:g}: compiling and timing the first steps took "
      f"{seconds - left:.0f} s; give more."
    )
  say(f"{steps:,} steps of {each:.2f} s for the {left:.0f} s that are left of {seconds:g}.")
  return Plan(steps, times)


def length_in_words(config: Config) -> str:
  """How long the run of a config is: the seconds that it asks for, or its steps."""
  if config.seconds:
    return f"{config.seconds:g} seconds"
  steps = config.total_steps or sum(length for _, length in config.get("stages", ()))
  return f"{steps:,} steps"


def time_left(
  spans: Sequence["Span"], seconds: Sequence[float], total: int
) -> Callable[[int], float] | None:
  """A function of the steps that are done: about how many seconds the others of `total` take.

  `seconds` are those of a step of each of the stages, whose Spans are `spans`. None where no steps
  were timed before the run.
  """
  if not seconds:
    return None

  def left(done):
    total_seconds = 0.0
    for span, each in zip(spans, seconds, strict=True):
      steps = span.end(total) - max(done, span.first(total))
      total_seconds += each * max(0, steps)
    return total_seconds

  return left


def expected(points: Iterable[tuple[int, float]], steps: int) -> str:
  """The accuracy that runs of so many steps had: `points` are (steps, accuracy) that were measured.

  In words: between them by the logarithm of the steps, and on either side as far as is known.
  """
  known_steps, accuracies = zip(*sorted(points), strict=True)
  if steps < known_steps[0]:
    return f"less than {accuracies[0]:.2f}"
  if steps > known_steps[-1]:
    return f"{accuracies[-1]:.2f} or more"
  return f"about {np.interp(np.log(steps), np.log(known_steps), accuracies):.2f}"


def in_words(seconds: float) -> str:
  """A stretch of time as a person says it."""
  if seconds < 90:
    return f"{seconds:.0f} s"
  minutes = round(seconds / 60)
  if minutes < 120:
    return f"{minutes} min"
  return f"{minutes // 60:,} h {minutes % 60} min"


class Pace:
  """How long a step takes, by the last ones that a run made; of several stages, by the last's.

  A stage's first step also compiles, and does not count. Where planned(steps done), the seconds
  that the others take by times from before the run, is given, it stands in for what is not known
  yet. The later stages then take as much more or less than planned as the last steps do.
  """

  def __init__(self, stages: int = 1, planned: Callable[[int], float] | None = None) -> None:
    self.stages = stages
    self.planned = planned
    self.stage: int | None = None
    self.seconds: collections.deque[float] = collections.deque(maxlen=PACE_STEPS)
    self.told = False

  def add(self, seconds: float, stage: int = 1) -> None:
    """Notes the seconds of a step of that stage."""
    if stage != self.stage:
      self.stage = stage
      self.seconds.clear()
    else:
      self.seconds.append(seconds)

  def left(self, done: int, total: int) -> float | None:
    """About the seconds from step `done` to `total`, None where that is not known yet."""
    known = sum(self.seconds) >= PACE_SECONDS
    if self.planned:
      each = self.planned(done - 1) - self.planned(done)  # A step of this stage, as planned.
      slower = statistics.mean(self.seconds) / each if known and each else 1.0
      return self.planned(done) * slower
    if self.stage != self.stages or not known:
      return None
    return (total - done) * statistics.mean(self.seconds)

  def first_words(self, done: int, total: int) -> str | None:
    """A line for the person, once, as soon as it is known that the steps take a while; or None."""
    if self.planned or self.told:  # How long the run is has been said.
      return None
    left = self.left(done, total)
    if left is None:
      return None
    self.told = True
    if left < WORTH_SAYING:
      return None
    each = statistics.mean(self.seconds)
    return (
      f"a step takes about {each:.2g} s; {total - done:,} more are done in about {in_words(left)}, "
      f"at {_clock_after(left)}."
    )


def _clock_after(seconds):
  """The time of the day after so many seconds, with the date where that is far off."""
  then = time.localtime(time.time() + seconds)
  return time.strftime("%H:%M" if seconds < HALF_A_DAY else "%H:%M on %Y-%m-%d", then)


def _time_of(step):
  step()  # Compiles.
  first = _seconds_of(step, 1)
  # Every host makes the same number of steps, or one would wait for the others forever.
  repeats = _agreed(max(1, LEAST_PROBE_SECONDS / max(first, 1e-6)))
  count = _agreed(min(PROBES, PROBE_SECONDS / max(repeats * first, 1e-6)))
  times = [first, _seconds_of(step, 1)] if repeats == 1 else []
  while len(times) < count:
    times.append(_seconds_of(step, repeats))
  return statistics.median(times)


def _agreed(number):
  """The first host's `number`, rounded down, on all hosts."""
  return int(multihost_utils.broadcast_one_to_all(np.int32(number)))


def _seconds_of(step, repeats):
  """Seconds of a step, on average over so many."""
  began = time.monotonic()
  for _ in range(repeats):
    step()
  return (time.monotonic() - began) / repeats
