"""Translation retrieval: who is nearest to whom, and how often that is right."""

import zlib

import numpy as np

from labse_jax.encoding.encode_functions import encode_distinct
from labse_jax.evaluation.resampling import RESAMPLES, SEED, both_directions

SCORES_AT_ONCE = 1 << 24  # 64 MiB of float32.


def retrieve(pairs, encode):
  """({language: metrics}, {language: draws}, {language: what each pair scored}) of its pairs."""
  row_of, vectors_ND = encode_distinct(pairs.values(), encode)
  results, draws, outcomes = {}, {}, {}
  for language, (foreign, english) in pairs.items():
    x_BD = vectors_ND[[row_of[text] for text in foreign]]
    y_BD = vectors_ND[[row_of[text] for text in english]]
    forward_B = hits(x_BD, y_BD, english)
    backward_B = hits(y_BD, x_BD, foreign)
    draws[language] = bootstrap(forward_B, backward_B, key=zlib.crc32(language.encode()))
    means = forward_B.mean(), backward_B.mean()
    results[language] = both_directions("accuracy", *means, draws[language])
    results[language]["pairs"] = len(foreign)
    outcomes[language] = ((forward_B.astype(float) + backward_B) / 2).tolist()
  return results, draws, outcomes


def average(results, draws):
  """The mean over the languages of `results`, each counting the same and drawn apart."""

  def mean(name):
    return np.mean([result[name] for result in results.values()])

  mean_R = sum(draws[language] for language in results) / len(results)
  directions = both_directions("accuracy", mean("forward"), mean("backward"), mean_R)
  return {**directions, "languages": len(results)}


def hits(query_BD, candidate_CD, text_C):
  """Whether each query's nearest candidate has the text of the candidate that stands beside it."""
  nearest_B = nearest(query_BD, candidate_CD)
  return np.array([text_C[near] == text_C[gold] for gold, near in enumerate(nearest_B)], bool)


def nearest(query_BD, candidate_CD):
  """The row of each query's most similar candidate, the first among equal candidates."""
  first_of = {}
  # A matrix product may round equal columns differently, so argmax alone would not give the first.
  first_C = np.array([first_of.setdefault(y.tobytes(), row) for row, y in enumerate(candidate_CD)])
  step = max(1, SCORES_AT_ONCE // len(candidate_CD))
  blocks = [query_BD[start : start + step] for start in range(0, len(query_BD), step)]
  return first_C[np.concatenate([(x_bD @ candidate_CD.T).argmax(axis=1) for x_bD in blocks])]


def bootstrap(forward_B, backward_B, *, key):
  """Accuracies of RESAMPLES resamplings of the pairs, [RESAMPLES].

  A pair scores 0, 1/2 or 1, so that drawing B pairs with replacement is one multinomial draw.
  """
  share_3 = np.bincount(forward_B.astype(int) + backward_B, minlength=3) / len(forward_B)
  counts = np.random.default_rng([SEED, key]).multinomial(len(forward_B), share_3, size=RESAMPLES)
  return counts @ np.array([0, 0.5, 1]) / len(forward_B)
