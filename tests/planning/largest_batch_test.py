"""Few measurements find the largest number that fits, whatever the curve."""

import pytest

from labse_jax.planning.largest_batch import TRIES, largest_fitting


def search(memory, start, limit):
  asked = []

  def measure(n):
    assert n >= 1 and n not in (*asked, start)
    asked.append(n)
    return memory(n)

  return *largest_fitting(measure, start, memory(start), limit), asked


CURVES = {
  "line": lambda n: 1000 + 7 * n,
  "line from above": lambda n: 100 + 900 * n,
  "square": lambda n: 1000 + 3 * n + 0.01 * n * n,
  "steps": lambda n: 1000 + 7 * (-(-n // 8) * 8),
  "remat from 78 on": lambda n: 300 + (20 if n >= 78 else 100) * n,
}


@pytest.mark.parametrize("start", [1, 40, 3000])
@pytest.mark.parametrize("name", CURVES)
def test_the_bounds_fit_and_do_not_and_are_close(name, start):
  memory = CURVES[name]
  low, high, asked = search(memory, start, limit=10_000)
  assert memory(low) <= 10_000 < memory(high)
  assert high - low <= max(low // 12, 1) and len(asked) <= TRIES


def test_a_line_is_found_exactly():
  low, high, _ = search(lambda n: 10 + 3 * n, 4, limit=100)
  assert (low, high) == (30, 31)


def test_memory_that_the_compiler_saves_near_the_limit():
  def flat(n):
    return min(100 + 10 * n, 950) if n <= 130 else 100 + 10 * n

  low, high, asked = search(flat, 8, limit=1000)
  assert low <= 130 < high and high - low <= 80 and len(asked) <= TRIES


def test_nothing_fits():
  assert search(lambda n: 10**9 + n, 64, limit=1000)[0] is None


def test_everything_fits():
  low, high, asked = search(lambda n: 5, 2, limit=1000)
  assert high is None and low > 2 and len(asked) <= TRIES
