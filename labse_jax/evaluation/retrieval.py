"""Translation retrieval: who is nearest to whom, and how often that is right."""

from collections.abc import Mapping, Sequence
import zlib

import numpy as np

from labse_jax.base.types import Encode
from labse_jax.evaluation.evaluator import Pairs
from labse_jax.evaluation.resampling import RESAMPLES, SEED, both_directions, mean_of
from labse_jax.evaluation.result_table import Metrics

SCORES_AT_ONCE = 1 << 24  # 64 MiB of float32.


def retrieve(
  pairs: Pairs, vectors_of: Encode
) -> tuple[dict[str, Metrics], dict[str, np.ndarray], dict[str, np.ndarray]]:
  """Returns ({language: metrics}, {language: draws}, {language: scores of its pairs, [B]}).

  `vectors_of` gives the unit vectors [N, D] of N texts.
  """
  results = {}
  draws = {}
  outcomes = {}
  for language, (foreign, english) in pairs.items():
    x_BD = vectors_of(foreign)
    y_BD = vectors_of(english)
    forward_B = hits(x_BD, y_BD, english)
    backward_B = hits(y_BD, x_BD, foreign)
    draws[language] = bootstrap(forward_B, backward_B, key=zlib.crc32(language.encode()))
    results[language] = both_directions(
      "accuracy", forward_B.mean(), backward_B.mean(), draws[language]
    )
    results[language]["pairs"] = len(foreign)
    outcomes[language] = (forward_B.astype(float) + backward_B) / 2
  return results, draws, outcomes


def average(results: Mapping[str, Metrics], draws: Mapping[str, np.ndarray]) -> Metrics:
  """The mean over the languages of `results`. Each counts the same and is drawn apart."""
  total_R = sum((draws[language] for language in results), np.zeros(RESAMPLES))
  mean_R = total_R / len(results)
  forward = mean_of(results, "forward")
  backward = mean_of(results, "backward")
  return both_directions("accuracy", forward, backward, mean_R) | {"languages": len(results)}


def hits(query_BD: np.ndarray, candidate_CD: np.ndarray, text_C: Sequence[str]) -> np.ndarray:
  """Whether the nearest candidate of query B has the same text as candidate B, [B]."""
  nearest_B = nearest(query_BD, candidate_CD)
  return np.array([text_C[near] == text_C[gold] for gold, near in enumerate(nearest_B)], bool)


def nearest(query_BD: np.ndarray, candidate_CD: np.ndarray) -> np.ndarray:
  """The row of each query's most similar candidate, [B]; of equal candidates the first."""
  # A matrix product may round equal columns differently, so argmax alone would not give the first.
  first_of: dict[bytes, int] = {}
  first_C = np.array([first_of.setdefault(y.tobytes(), row) for row, y in enumerate(candidate_CD)])
  step = max(1, SCORES_AT_ONCE // len(candidate_CD))
  found = []
  for start in range(0, len(query_BD), step):
    s_bC = query_BD[start : start + step] @ candidate_CD.T
    found.append(s_bC.argmax(axis=1))
  return first_C[np.concatenate(found)]


def bootstrap(forward_B: np.ndarray, backward_B: np.ndarray, *, key: int) -> np.ndarray:
  """Accuracies of RESAMPLES resamplings of the pairs, [RESAMPLES].

  A pair scores 0, 1/2 or 1, so that drawing B pairs with replacement is one multinomial draw.
  """
  share_3 = np.bincount(forward_B.astype(int) + backward_B, minlength=3) / len(forward_B)
  rng = np.random.default_rng([SEED, key])
  counts_R3 = rng.multinomial(len(forward_B), share_3, size=RESAMPLES)
  return counts_R3 @ np.array([0, 0.5, 1]) / len(forward_B)
