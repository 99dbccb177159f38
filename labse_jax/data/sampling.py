"""How often each language is drawn."""

from collections.abc import Iterator, Sequence

import numpy as np

from labse_jax.data.dataset import Dataset

PART = 4096  # Records that are read at a time.


def smoothed(counts: Sequence[int], exponent: float) -> np.ndarray:
  """Probabilities p proportional to n^exponent (Feng et al. 2022, sec. 3.1: 0.3)."""
  weights = np.asarray(counts, np.float64) ** exponent
  return weights / weights.sum()


def smoothed_sample(
  dataset: Dataset, *, exponent: float, size: int, seed: int = 0
) -> Iterator[str]:
  """Yields about `size` sentences, the languages in proportion n^exponent, no record twice.

  Of a document it takes only as many lines, at random, as its language needs.
  """
  rng = np.random.default_rng(seed)
  groups = list(dataset.indices_by_language.values())
  if not groups:
    return
  shares = size * smoothed([len(group) for group in groups], exponent)
  sides = 1 if dataset.monolingual else 2
  wanted = []
  chosen = []
  for group, share in zip(groups, shares, strict=True):
    records = min(len(group), -(-int(share) // sides))  # Rounded up.
    wanted.append(records)
    chosen.append(rng.choice(group, records, replace=False))
  # Lines for each record, rounded up as often as the fraction says.
  limits_N = np.repeat(shares / np.maximum(wanted, 1), wanted)
  limits_N = (limits_N + rng.random(len(limits_N))).astype(int)

  # Ascending indices: records that lie together on disk are read together.
  indices_N = np.concatenate(chosen)
  order_N = np.argsort(indices_N)
  for start in range(0, len(order_N), PART):
    part = order_N[start : start + PART]
    examples = dataset.source.__getitems__(indices_N[part].tolist())
    for n, example in zip(part, examples, strict=True):
      lines = _lines(example)
      if dataset.monolingual and len(lines) > limits_N[n]:
        taken = np.sort(rng.choice(len(lines), limits_N[n], replace=False))
        lines = [lines[line] for line in taken]
      yield from lines


def _lines(example):
  lines = example["source"].split("\n") + example["target"].split("\n")
  return [line for line in lines if line]
