"""The largest batch that fits, by few compilations of others."""

import numpy as np

TRIES = 6


def largest_fitting(measure, start, used, limit):
  """(largest n that fits, smallest n seen that does not), each None where none was met.

  `measure(n)` gives the bytes that n takes; `used` is what `start` took. Memory grows with rows
  and, by the loss over all pairs, with their square: the next n is where the curve through those
  nearest the limit meets it. What is left between the two is a 32nd where the tries sufficed.
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


def _bounds(seen, limit):
  low = max((n for n, used in seen.items() if used <= limit), default=0)
  return low, min((n for n, used in seen.items() if used > limit and n > low), default=None)


def _next(seen, low, high, limit):
  if len(seen) == 1:
    return 4 * low or max(high // 4, 1)
  top = int(low * min(64, 2 * limit / seen[low])) if high is None else high
  # Near its limit the compiler saves memory and the curve lies flat: the steps get longer.
  crept = sum(0.9 * low < n < low for n in seen)
  step = max(low // 32, 1) * 4**crept if high is None else max(low // 32, (high - low) // 8, 1)
  guess = _crossing(seen, low, top, limit)
  if guess is None:
    guess = (low + top) // 2
  elif guess < low + step:
    guess = low + step
  elif high is not None and guess > high - step:
    guess = high - step
  return min(max(guess, low + 1), top if high is None else top - 1)


def _crossing(seen, low, top, limit):
  """Where the curve through the (up to three) points nearest the limit meets it, if it does."""
  near = sorted(seen.items(), key=lambda item: abs(item[1] - limit))[:3]
  n, used = np.array(near, float).T
  for degree in range(len(near) - 1, 0, -1):
    roots = np.roots(np.polyfit(n[: degree + 1], used[: degree + 1] - limit, degree))
    inside = [r.real for r in roots if abs(r.imag) < 1e-6 and low - 1 <= r.real <= top]
    if len(inside) == 1:
      return int(inside[0])
  return None
