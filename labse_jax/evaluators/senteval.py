"""Linear probes of sentence embeddings on SentEval's classification tasks (arXiv 1803.05449)."""

from collections.abc import Iterable, Sequence
import zlib

import numpy as np

from labse_jax.base.types import Encode, PathLike
from labse_jax.evaluation import linear_probe
from labse_jax.evaluation.comparison import Outcomes
from labse_jax.evaluation.evaluator import Pairs, Result
from labse_jax.evaluation.resampling import (
  RESAMPLES,
  SEED,
  interval,
  mean_of,
  resampled_totals,
)
from labse_jax.evaluation.result_table import Metrics
from labse_jax.evaluation.senteval_files import Task, read_task, tasks_in
from labse_jax.evaluation.suite_files import choose, large_enough
from labse_jax.evaluation.text_vectors import distinct, vectors_by_text


class Evaluator:
  """Accuracy of logistic regression on the vectors, and the F1 of paraphrases for MRPC.

  `data` is SentEval's folder of tasks, with MR, CR, SUBJ, MPQA, SST, TREC and MRPC or some of them,
  in it; `languages` are names of tasks (SST2 for SST). The strength of L2 is chosen on SST2's dev
  set, by 10 folds of the training set for TREC and MRPC, and for the others, of which 10 folds
  are the test, within each nine. Tasks with fewer than `minimum` examples are named under
  "skipped". Raises InputError for data that is missing or wrong.
  """

  def __init__(
    self, *, data: PathLike, languages: str | Iterable[str] | None = None, minimum: int = 0
  ) -> None:
    chosen = choose(languages, tasks_in(data), data)
    tasks = {name: read_task(data, name) for name in chosen}
    self.tasks, self.skipped = large_enough(tasks, minimum, data, count=_examples)

  def texts(self) -> list[str]:
    """The distinct texts of all tasks."""
    columns: list[list[str]] = []
    for task in self.tasks.values():
      columns += task.columns
    return distinct(columns)

  def pairs(self) -> Pairs:
    """Empty: the suite has no translations."""
    return {}

  def run(self, encode: Encode) -> Result:
    """Evaluates a model, whose `encode` gives float32 [N, D]; the average is over tasks."""
    results: dict[str, Metrics] = {}
    outcomes = {}
    draws = np.zeros(RESAMPLES)
    for name, task in self.tasks.items():
      predicted_T, label_T = classify(task, encode)
      right_T = predicted_T == label_T
      task_draws = resampled_totals(right_T[:, None], key=zlib.crc32(name.encode()))[:, 0]
      results[name] = {"accuracy": interval(right_T.mean(), task_draws / len(right_T))}
      # The task whose paper reports an F1 too.
      if name == "MRPC":
        results[name]["f1"] = f1(predicted_T, label_T)
      results[name]["examples"] = len(right_T)
      outcomes[name] = right_T.astype(float)
      draws = draws + task_draws / len(right_T) / len(self.tasks)
    mean = interval(mean_of(results, "accuracy"), draws)
    report = {
      "suite": "senteval",
      "results": results,
      "average": {"accuracy": mean, "tasks": len(results)},
      "skipped": self.skipped,
    }
    return Result(report, Outcomes(outcomes))


def _examples(task: Task) -> int:
  return len(task.label_N)


def classify(task: Task, encode: Encode) -> tuple[np.ndarray, np.ndarray]:
  """Returns (a probe's labels, true labels) of a task's test, or of all items where it has none."""
  x_ND = features(task.columns, encode)
  fold_N = linear_probe.stratified_folds(task.label_N, SEED)
  test_N = task.part_N == "test"
  if not test_N.any():
    return linear_probe.cross_validated(x_ND, task.label_N, fold_N), task.label_N
  # A dev set chooses the strength, and else the folds do.
  choosing_N = None if (task.part_N == "dev").any() else fold_N
  predicted_T = linear_probe.held_out(x_ND, task.label_N, task.part_N, choosing_N)
  return predicted_T, task.label_N[test_N]


def features(columns: Sequence[Sequence[str]], encode: Encode) -> np.ndarray:
  """What a probe sees of each row, [N, D]: a text's vector, or the features of a pair of them."""
  vectors_of = vectors_by_text(distinct(columns), encode)
  sides = [vectors_of(column) for column in columns]
  return sides[0] if len(sides) == 1 else pair_features(*sides)


def pair_features(x_ND: np.ndarray, y_ND: np.ndarray) -> np.ndarray:
  """The distances and products of two vectors, dimension by dimension, side by side."""
  return np.concatenate([abs(x_ND - y_ND), x_ND * y_ND], 1)


def f1(predicted_T: np.ndarray, label_T: np.ndarray) -> float:
  """The F1 of label 1."""
  both = (predicted_T * label_T).sum()
  return float(2 * both / max(predicted_T.sum() + label_T.sum(), 1))
