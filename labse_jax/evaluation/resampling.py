"""Intervals by resampling (the bootstrap)."""

import collections
from collections.abc import Callable, Mapping
import zlib

import numpy as np

from labse_jax.evaluation.result_table import Metric, Metrics, number

RESAMPLES = 10_000
SEED = 2022
DRAWN_AT_ONCE = 1 << 17  # 1 MiB of counts: larger blocks leave the cache and take twice as long.


def resampled(statistic: Callable[[np.ndarray], np.ndarray], count: int, *, key: int) -> np.ndarray:
  """`statistic` of RESAMPLES resamplings of `count` items, [RESAMPLES, ...].

  It takes counts_rB, which says how often each of B items was drawn in each of r resamplings, and
  returns [r, ...]. The same `key` gives the same draws.
  """
  rng = np.random.default_rng([SEED, key])
  step = max(1, DRAWN_AT_ONCE // count)
  draws = []
  for start in range(0, RESAMPLES, step):
    rows = min(step, RESAMPLES - start)
    # Each resampling counts in a range of its own, so that one bincount does for all.
    item_rB = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
    counts_rB = np.bincount(item_rB.ravel(), minlength=rows * count).reshape(rows, count)
    draws.append(statistic(counts_rB))
  return np.concatenate(draws)


def resampled_totals(rows_BJ: np.ndarray, *, key: int) -> np.ndarray:
  """Sums over B rows drawn with replacement, of RESAMPLES resamplings, [RESAMPLES, J].

  Rows of counts take few different values, so that a resampling is one multinomial draw.
  """
  count = len(rows_BJ)
  row_V, times_V = _distinct_rows(rows_BJ)
  share_V = times_V / count
  rng = np.random.default_rng([SEED, key])
  step = max(1, DRAWN_AT_ONCE // len(row_V))
  totals = []
  for start in range(0, RESAMPLES, step):
    drawn_rV = rng.multinomial(count, share_V, min(step, RESAMPLES - start))
    totals.append(drawn_rV @ rows_BJ[row_V])
  return np.concatenate(totals)


def _distinct_rows(rows_BJ: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """The first place of each distinct row, and how often it stands there: ([V], [V])."""
  code_B = np.zeros(len(rows_BJ), int)
  for column_B in rows_BJ.T:  # Of millions of rows, a fifth of the time of np.unique(axis=0).
    values, value_B = np.unique(column_B, return_inverse=True)
    # Numbered anew after each column, so that the codes stay small.
    _, code_B = np.unique(code_B * len(values) + value_B, return_inverse=True)
  _, row_V, times_V = np.unique(code_B, return_index=True, return_counts=True)
  return row_V, times_V


def mean_draws(
  items: Mapping[str, np.ndarray], together: Mapping[str, str]
) -> dict[str, np.ndarray]:
  """{language: means of RESAMPLES resamplings} of {language: [B]}.

  Languages to which `together` gives the same name are aligned: one draw of rows is one for all.
  Were they drawn apart, the interval of their average would be too narrow.
  """
  groups = collections.defaultdict(list)
  for language in items:
    groups[together.get(language, language)].append(language)
  draws: dict[str, np.ndarray] = {}
  for name, languages in groups.items():
    rows_BN = np.stack([items[language] for language in languages], 1)
    totals_RN = resampled_totals(rows_BN, key=zlib.crc32(name.encode()))
    draws |= zip(languages, totals_RN.T / len(rows_BN), strict=True)
  return {language: draws[language] for language in items}


def mean_of(results: Mapping[str, Mapping[str, Metric]], metric: str) -> float:
  """The mean of a metric over {language: {metric: value}}, each language counting the same."""
  return float(np.mean([number(row[metric]) for row in results.values()]))


def f1(sums_J: np.ndarray) -> np.ndarray:
  """The F1 of the numbers of found, mined and gold pairs, [..., 3]: [...]."""
  found, mined, gold = np.moveaxis(np.asarray(sums_J), -1, 0)
  return np.asarray(2 * found / np.maximum(mined + gold, 1))


def interval(value: float, draws: np.ndarray) -> dict[str, float]:
  """A metric with the 95 % interval of its resamplings."""
  low, high = np.quantile(draws, [0.025, 0.975])
  return {"value": float(value), "low": float(low), "high": float(high)}


def both_directions(metric: str, forward: float, backward: float, draws: np.ndarray) -> Metrics:
  """The mean of both directions as `metric`, with its interval, and each direction beside it."""
  mean = interval((forward + backward) / 2, draws)
  return {metric: mean, "forward": float(forward), "backward": float(backward)}
