"""Retrieval among the gold pairs of BUCC, as in MTEB's BUCC.v2; nothing is mined."""

import numpy as np

from labse_jax.encoding.encode_functions import encode_distinct
from labse_jax.evaluation.bucc_files import languages_in, read_task
from labse_jax.evaluation.retrieval import average, nearest, retrieve
from labse_jax.evaluation.suite_files import choose, large_enough


class Evaluator:
  """Nearest neighbours by cosine among the other sides of the gold pairs, in both directions.

  `data` is a folder of XX-en.training.XX, .en and .gold, as of the suite "bucc"; the other
  sentences of the texts are left out. Languages with fewer than `minimum` gold pairs are named
  under "skipped". Raises InputError for what is not there or does not fit.
  """

  def __init__(self, *, data, languages=None, minimum=0):
    chosen = choose(languages, languages_in(data), data)
    pairs = {language: _gold_texts(read_task(data, language, "training")) for language in chosen}
    self.pairs, self.skipped = large_enough(pairs, minimum, data)

  def run(self, encode):
    """Evaluates `encode(list[str]) -> float32 [N, D]`, whose rows are unit vectors.

    `forward` finds the English sentence; the average is over languages, each counting the same.
    "weighted_f1" is the main score of MTEB, of the forward direction.
    """
    row_of, vectors_ND = encode_distinct(self.pairs.values(), encode)

    def of(texts):
      return vectors_ND[[row_of[text] for text in texts]]

    results, draws, outcomes = retrieve(self.pairs, of)
    for language, (foreign, english) in self.pairs.items():
      results[language]["weighted_f1"] = weighted_f1(nearest(of(foreign), of(english)))
    mean_f1 = float(np.mean([result["weighted_f1"] for result in results.values()]))
    return {
      "suite": "bucc_retrieval",
      "results": results,
      "average": average(results, draws) | {"weighted_f1": mean_f1},
      "skipped": self.skipped,
      "outcomes": outcomes,  # For labse_jax.evaluation.comparison.
    }


def weighted_f1(nearest_B):
  """The mean over candidates of their F1, where candidate b is right for query b alone."""
  right_B = nearest_B == np.arange(len(nearest_B))
  return float((2 * right_B / (np.bincount(nearest_B, minlength=len(right_B)) + 1)).mean())


def _gold_texts(task):
  return [task.foreign[row] for row, _ in task.gold], [task.english[row] for _, row in task.gold]
