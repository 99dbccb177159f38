"""Which texts are hard negatives (Yang et al. 2020, m-USE, sec. 2.1): near, but no translations."""

from collections import Counter
import dataclasses
import sys

import numpy as np
from tqdm import tqdm

from labse_jax.base.console import note
from labse_jax.base.errors import InputError
from labse_jax.neighbours import exact

MARGIN, CANDIDATES = 0.05, 50
PART = 65_536  # Pairs that are read, or searched for, at a time.


@dataclasses.dataclass(frozen=True)
class Rule:
  """A pair's negatives: of the `candidates` nearest to its source, the k nearest not too near.

  What comes within `margin` of the cosine of the pair itself, or above it, may be a translation.
  """

  k: int
  margin: float = MARGIN
  candidates: int = CANDIDATES

  def __post_init__(self):
    if not 1 <= self.k <= self.candidates:
      raise InputError(
        f"Hard negatives: k = {self.k}, candidates = {self.candidates}; k is at "
        "least 1, and candidates at least k."
      )
    if not -2 <= self.margin <= 2:  # Nor NaN.
      raise InputError(f"Hard negatives: margin = {self.margin}; it is of cosines, -2 to 2.")


def mine(dataset, encode, rule):
  """(negatives_NK, counts) of a dataset's N pairs, by encode(texts) -> unit vectors.

  negatives_NK are int32 numbers of records whose targets they are: by `rule`, of the distinct
  targets in the pair's target language that translate no equal source; -1 where there are fewer.
  """
  sources, targets, languages = _columns(dataset)
  source_N, first_S = _distinct(sources)
  x_SD = encode([sources[record] for record in first_S])
  negatives_NK, counts = np.full((len(dataset), rule.k), -1, np.int32), Counter()
  terminal = sys.stderr.isatty()
  for language in tqdm(sorted(set(languages)), unit=" languages", disable=not terminal):
    record_n = np.flatnonzero(languages == language)
    target_n, first_U = _distinct([targets[record] for record in record_n])
    y_UD = encode([targets[record] for record in record_n[first_U]])
    pair_n = np.unique(source_N[record_n] * len(y_UD) + target_n)
    for start in range(0, len(record_n), PART):
      part = slice(start, start + PART)
      place_pK, found = nearest_others(
        x_SD, y_UD, source_N[record_n[part]], target_n[part], pair_n, rule
      )
      record_pK = np.where(place_pK < 0, -1, record_n[first_U][place_pK])
      negatives_NK[record_n[part], : record_pK.shape[1]] = record_pK
      counts.update(found)
    if not terminal:
      note(f"{language}: {len(record_n):,} pairs mined.")
  return negatives_NK, dict(counts) | {"missing": int((negatives_NK < 0).sum())}


def nearest_others(x_SD, y_UD, source_p, target_p, pair_n, rule):
  """The negatives of p pairs, which are rows of x_SD and of y_UD: (rows of y_UD, counts).

  Rows come the nearest first, -1 where there are no more, [p, K] or [p, U] if that is less.
  `pair_n` are the numbers source * U + target of all known pairs.
  """
  score_pC, place_pC = exact.top_k(x_SD[source_p], y_UD, min(rule.candidates, len(y_UD)))
  own_p1 = (x_SD[source_p] * y_UD[target_p]).sum(1, keepdims=True)
  other_pC = ~np.isin(source_p[:, None] * len(y_UD) + place_pC, pair_n)
  near_pC = other_pC & (score_pC >= own_p1 - rule.margin)
  kept_pC = other_pC & ~near_pC
  order_pK = np.argsort(~kept_pC, axis=1, kind="stable")[:, : rule.k]
  counts = {
    "looked_at": int(other_pC.sum()),
    "likely_translations": int(near_pC.sum()),
    "pairs_with_likely_translations": int(near_pC.any(1).sum()),
  }
  return np.take_along_axis(np.where(kept_pC, place_pC, -1), order_pK, 1), counts


def _columns(dataset):
  """The records' sources, targets and the targets' languages."""
  columns = {name: [] for name in ("source", "target", "target_language")}
  for start in range(0, len(dataset), PART):
    for example in dataset.source.__getitems__(range(start, min(start + PART, len(dataset)))):
      for name, column in columns.items():
        column.append(example[name])
  sources, targets, languages = columns.values()
  return sources, targets, np.array(languages)


def _distinct(texts):
  """(the number of each text among the distinct ones [N], where each of those is first [U])."""
  numbers, first = {}, []
  for place, text in enumerate(texts):
    if numbers.setdefault(text, len(first)) == len(first):
      first.append(place)
  return np.array([numbers[text] for text in texts]), np.array(first)
