"""The largest batch that fits, found by compiling a few others."""

from collections.abc import Callable

import numpy as np

TRIES = 6


def largest_fitting(
  measure: Callable[[int], int], start: int, used: int, limit: int
) -> tuple[int | None, int | None]:
  """Finds the largest n that fits; returns it and the smallest n seen that does not fit.

  Each is None where none was met. `measure(n)` gives the bytes that n takes; `used` is what `start`
  took. Memory grows with rows and, by the loss over all pairs, with their square. So the next n is
  where the curve through the points nearest the limit meets it. Where the tries sufficed, the two
  results are at most a 32nd apart.
  """
  seen = {start: used}
  for _ in range(TRIES):
    low, high = _bounds(seen, limit)
    if high is not None and high - low == 1:
      break
    n = _next(seen, low, high, limit)
    seen[n] = measure(n)
  low, high = _bounds(seen, limit)
  return low or None, high


def _bounds(seen: dict[int, int], limit: int) -> tuple[int, int | None]:
  """Returns (the largest n that fits, or 0; the smallest larger n that does not, or None)."""
  fit = [n for n, used in seen.items() if used <= limit]
  low = max(fit, default=0)
  too_large = [n for n in seen if n not in fit and n > low]
  return low, min(too_large, default=None)


def _next(seen: dict[int, int], low: int, high: int | None, limit: int) -> int:
  """The next n to measure, between the bounds that are known."""
  if len(seen) == 1:  # Through one point goes no curve.
    return 4 * low if high is None else max(high // 4, 1)
  if high is None:
    top = int(low * min(64, 2 * limit / seen[low]))
    # Near its limit the compiler saves memory and the curve lies flat: the steps get longer.
    crept = sum(0.9 * low < n < low for n in seen)
    step = max(low // 32, 1) * 4**crept
  else:
    top = high
    step = max(low // 32, (high - low) // 8, 1)
  # A step at least from both bounds, or a curve that is a little wrong would only creep.
  guess = _crossing(seen, low, top, limit)
  if guess is None:
    guess = (low + top) // 2
  elif guess < low + step:
    guess = low + step
  elif high is not None and guess > high - step:
    guess = high - step
  return min(max(guess, low + 1), top if high is None else top - 1)


def _crossing(seen: dict[int, int], low: int, top: int, limit: int) -> int | None:
  """Where the curve through the (up to three) points nearest the limit meets it, if it does."""
  near = sorted(seen.items(), key=lambda item: abs(item[1] - limit))[:3]
  n, used = np.array(near, float).T
  for degree in range(len(near) - 1, 0, -1):
    roots = np.roots(np.polyfit(n[: degree + 1], used[: degree + 1] - limit, degree))
    real = roots.real[np.abs(roots.imag) < 1e-6]
    inside = real[(low - 1 <= real) & (real <= top)]
    if len(inside) == 1:
      return int(inside[0])
  return None
