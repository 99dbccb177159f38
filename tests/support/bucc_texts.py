"""Made-up texts of BUCC's shape, some of whose lines are translations, and their vectors."""

import numpy as np


def unit(rows):
  rows = np.asarray(rows, np.float32)
  return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def noisy(count, language="de", seed=0):
  """(foreign, English, gold ids, {text: vector}): a third has a translation, near to it."""
  rng = np.random.default_rng(seed)
  sides = [[f"{name} {seed} {row}" for row in range(count)] for name in (language, "en")]
  table = {text: rng.normal(size=6) + 0.5 for side in sides for text in side}
  gold = list(
    zip(range(0, count, 3), rng.permutation(count)[: len(range(0, count, 3))], strict=True)
  )
  for x, y in gold:
    table[sides[0][x]] = table[sides[1][y]] + 0.7 * rng.normal(size=6)
  return *sides, [(f"x{x + 1}", f"y{y + 1}") for x, y in gold], table


def look_up(table):
  return lambda texts: unit([table[text] for text in texts])
