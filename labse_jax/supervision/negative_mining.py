"""Which texts are hard negatives (Yang et al. 2020, m-USE, sec. 2.1): near, but no translations."""

from collections import Counter

import numpy as np

from labse_jax.base import console
from labse_jax.base.types import Encode
from labse_jax.data.dataset import Dataset
from labse_jax.encoding.encode_functions import number_distinct
from labse_jax.neighbours import exact
from labse_jax.supervision.negative_rule import Rule

PART = 65_536  # Pairs that are read, or searched for, at a time.


def mine(dataset: Dataset, encode: Encode, rule: Rule) -> tuple[np.ndarray, dict[str, int]]:
  """Mines a dataset's N pairs, by encode(texts) -> unit vectors; returns (negatives_NK, counts).

  negatives_NK, int32, are the records whose targets are a pair's negatives; -1 where there are no
  more. They are chosen by `rule` among the distinct targets in the pair's target language, without
  those that translate an equal source.
  """
  sources, targets, languages = _columns(dataset)
  source_N, first_S = number_distinct(sources)
  x_SD = encode([sources[record] for record in first_S])
  negatives_NK = np.full((len(dataset), rule.k), -1, np.int32)
  counts: Counter[str] = Counter()
  bar = console.progress(sorted(set(languages)), unit="languages")
  # Language by language: negatives are of the target's language, and one at a time fits memory.
  for language in bar:
    record_n = np.flatnonzero(languages == language)
    target_n, first_U = number_distinct([targets[record] for record in record_n])
    first_record_U = record_n[first_U]
    y_UD = encode([targets[record] for record in first_record_U])
    pair_n = np.unique(source_N[record_n] * len(y_UD) + target_n)
    for start in range(0, len(record_n), PART):
      part = slice(start, start + PART)
      place_pK, found = nearest_others(
        x_SD, y_UD, source_N[record_n[part]], target_n[part], pair_n, rule
      )
      record_pK = np.where(place_pK < 0, -1, first_record_U[place_pK])
      negatives_NK[record_n[part], : record_pK.shape[1]] = record_pK
      counts.update(found)
    if bar.disable:  # Without a terminal lines take the bar's place.
      console.note(f"{language}: {len(record_n):,} pairs mined.")
  return negatives_NK, dict(counts) | {"missing": int((negatives_NK < 0).sum())}


def nearest_others(
  x_SD: np.ndarray,
  y_UD: np.ndarray,
  source_p: np.ndarray,
  target_p: np.ndarray,
  pair_n: np.ndarray,
  rule: Rule,
) -> tuple[np.ndarray, dict[str, int]]:
  """The negatives of p pairs, whose sides are rows of x_SD and of y_UD: (rows of y_UD, counts).

  The rows, [p, K] or [p, U] if that is less, are the nearest first; -1 stands where there are no
  more. `pair_n` are the numbers source * U + target of all known pairs.
  """
  score_pC, place_pC = exact.top_k(x_SD[source_p], y_UD, min(rule.candidates, len(y_UD)))
  own_p1 = (x_SD[source_p] * y_UD[target_p]).sum(1, keepdims=True)
  other_pC = ~np.isin(source_p[:, None] * len(y_UD) + place_pC, pair_n)
  near_pC = other_pC & (score_pC >= own_p1 - rule.margin)
  kept_pC = other_pC & ~near_pC
  # A stable sort moves what is kept to the front and leaves it in order, the nearest first.
  order_pK = np.argsort(~kept_pC, axis=1, kind="stable")[:, : rule.k]
  counts = {
    "looked_at": int(other_pC.sum()),
    "likely_translations": int(near_pC.sum()),
    "pairs_with_likely_translations": int(near_pC.any(1).sum()),
  }
  return np.take_along_axis(np.where(kept_pC, place_pC, -1), order_pK, 1), counts


def _columns(dataset):
  """The records' sources, targets and the targets' languages."""
  sources = []
  targets = []
  languages = []
  for start in range(0, len(dataset), PART):
    records = range(start, min(start + PART, len(dataset)))
    for example in dataset.source.__getitems__(records):
      sources.append(example["source"])
      targets.append(example["target"])
      languages.append(example["target_language"])
  return sources, targets, np.array(languages)
