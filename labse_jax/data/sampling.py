"""How often each language is drawn."""

import numpy as np


def smoothed(counts, exponent):
  """Probabilities p proportional to n^exponent (Feng et al. 2022, sec. 3.1: 0.3)."""
  weights = np.asarray(counts, np.float64) ** exponent
  return weights / weights.sum()


def smoothed_sample(dataset, *, exponent, size, seed=0):
  """Yields about `size` sentences, the languages in proportion n^exponent, no record twice.

  Of a document it takes no more lines, at random, than its language needs.
  """
  rng = np.random.default_rng(seed)
  groups = list(dataset.indices_by_language.values())
  if not groups:
    return
  shares = size * smoothed([len(group) for group in groups], exponent)
  sides = 1 if dataset.monolingual else 2
  wanted = [min(len(g), -(-int(n) // sides)) for g, n in zip(groups, shares, strict=True)]
  chosen = [rng.choice(g, n, replace=False) for g, n in zip(groups, wanted, strict=True)]
  # Lines for each record, rounded up as often as the fraction says.
  limits = np.repeat(shares / np.maximum(wanted, 1), wanted)
  limits = (limits + rng.random(len(limits))).astype(int)
  indices = np.concatenate(chosen)
  order = np.argsort(indices)
  for start in range(0, len(order), 4096):
    part = order[start : start + 4096]
    for n, example in zip(part, dataset.source.__getitems__(indices[part].tolist()), strict=True):
      lines = [*example["source"].split("\n"), *example["target"].split("\n")]
      lines = [line for line in lines if line]
      if dataset.monolingual and len(lines) > limits[n]:
        lines = [lines[i] for i in np.sort(rng.choice(len(lines), limits[n], replace=False))]
      yield from lines
