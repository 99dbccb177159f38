"""Retrieval among the gold pairs of BUCC, as in MTEB's BUCC.v2; nothing is mined."""

from collections.abc import Iterable

import numpy as np

from labse_jax.base.types import Encode, PathLike
from labse_jax.evaluation.bucc_files import Task, languages_in, read_task
from labse_jax.evaluation.comparison import Outcomes
from labse_jax.evaluation.evaluator import Pairs, Result
from labse_jax.evaluation.resampling import mean_of
from labse_jax.evaluation.retrieval import average, nearest, retrieve
from labse_jax.evaluation.suite_files import choose, large_enough, pair_count
from labse_jax.evaluation.text_vectors import columns_of, distinct, vectors_by_text


class Evaluator:
  """Nearest neighbours by cosine among the other sides of the gold pairs, in both directions.

  `data` is a folder of XX-en.training.XX, .en and .gold, as of the suite "bucc"; the other
  sentences of the texts are left out. Languages with fewer than `minimum` gold pairs are named
  under "skipped". Raises InputError for data that is missing or wrong.
  """

  def __init__(
    self, *, data: PathLike, languages: str | Iterable[str] | None = None, minimum: int = 0
  ) -> None:
    chosen = choose(languages, languages_in(data), data)
    pairs = {language: _gold_texts(read_task(data, language, "training")) for language in chosen}
    self._pairs, self.skipped = large_enough(pairs, minimum, data, count=pair_count)

  def texts(self) -> list[str]:
    """The distinct sentences of the gold pairs."""
    return distinct(columns_of(self._pairs))

  def pairs(self) -> Pairs:
    """{language: (foreign sentences, English sentences)} of the gold pairs."""
    return self._pairs

  def run(self, encode: Encode) -> Result:
    """Evaluates a model, whose `encode` gives unit vectors, float32 [N, D].

    `forward` finds the English sentence. The average is over languages, each counting the same.
    "weighted_f1" is the main score of MTEB, of the forward direction.
    """
    vectors_of = vectors_by_text(self.texts(), encode)
    results, draws, outcomes = retrieve(self._pairs, vectors_of)
    for language, (foreign, english) in self._pairs.items():
      nearest_B = nearest(vectors_of(foreign), vectors_of(english))
      results[language]["weighted_f1"] = weighted_f1(nearest_B)
    mean_f1 = mean_of(results, "weighted_f1")
    report = {
      "suite": "bucc_retrieval",
      "results": results,
      "average": average(results, draws) | {"weighted_f1": mean_f1},
      "skipped": self.skipped,
    }
    return Result(report, Outcomes(outcomes))


def weighted_f1(nearest_B: np.ndarray) -> float:
  """The mean over candidates of their F1, where candidate b is right for query b alone."""
  right_B = nearest_B == np.arange(len(nearest_B))
  # One query is right for a candidate, so that its F1 is 2 hits / (times found + 1).
  found_C = np.bincount(nearest_B, minlength=len(right_B))
  return float((2 * right_B / (found_C + 1)).mean())


def _gold_texts(task: Task) -> tuple[list[str], list[str]]:
  foreign = [task.foreign[row] for row, _ in task.gold]
  english = [task.english[row] for _, row in task.gold]
  return foreign, english
