"""Mining of translations from two texts: the BUCC shared task (Zweigenbaum et al. 2017)."""

from collections.abc import Iterable, Mapping
import dataclasses
import pathlib
import zlib

import numpy as np

from labse_jax.base.errors import InputError, known
from labse_jax.base.types import Encode, PathLike
from labse_jax.evaluation.bucc_files import Task, languages_in, read_task
from labse_jax.evaluation.comparison import Counts
from labse_jax.evaluation.evaluator import Pairs, Result
from labse_jax.evaluation.resampling import RESAMPLES, f1, interval, mean_of, resampled_totals
from labse_jax.evaluation.result_table import Metrics
from labse_jax.evaluation.suite_files import choose, large_enough, pair_count
from labse_jax.evaluation.text_vectors import distinct, vectors_by_text
from labse_jax.neighbours.exact import top_k_both
from labse_jax.neighbours.margin import MARGINS, RETRIEVALS, neighbour_scores, retrieved

HALVED = "half of the training set, the threshold chosen on the other"


class Evaluator:
  """Precision, recall and F1 of pairs mined by margin score (Artetxe and Schwenk 2019).

  `data` is a folder of XX-en.training.XX and .en (id, tab, sentence) and .gold (id, tab, id), one
  set a language, and the same with .test. where there is a test. The threshold is the best for F1
  on the training set. Where there is no test, it is the best on one half of the foreign sentences,
  and the other half is scored. `margin` is "ratio", "distance" or "absolute" over the means of the
  `k` nearest. `retrieval` takes the best candidates of the foreign sentences ("forward"), of the
  English ones ("backward"), those in both ("intersection") or in either ("union"), or of these the
  best whose sentences are still free ("max").
  Languages with fewer than `minimum` gold pairs are named under "skipped". Raises InputError for
  data that is missing or wrong.
  """

  def __init__(
    self,
    *,
    data: PathLike,
    languages: str | Iterable[str] | None = None,
    minimum: int = 0,
    margin: str = "ratio",
    k: int = 4,
    retrieval: str = "max",
  ) -> None:
    self.margin = known("margin", margin, MARGINS)
    self.k = k
    self.retrieval = known("retrieval", retrieval, RETRIEVALS)
    chosen = choose(languages, languages_in(data), data)
    training = {language: read_task(data, language, "training") for language in chosen}
    self.training, self.skipped = large_enough(training, minimum, data, count=pair_count)
    self.test = {}
    for language in self.training:
      if (pathlib.Path(data) / f"{language}-en.test.gold").exists():
        self.test[language] = read_task(data, language, "test")
    for part, tasks in (("training", self.training), ("test", self.test)):
      for language, task in tasks.items():
        _check(task, k, f"{data}: {language}-en.{part}", halved=language not in self.test)

  def texts(self) -> list[str]:
    """The distinct sentences of each language's training set and test."""
    columns: list[list[str]] = []
    for language, task in self.training.items():
      columns += [task.foreign, task.english]
      if language in self.test:
        columns += [self.test[language].foreign, self.test[language].english]
    return distinct(columns)

  def pairs(self) -> Pairs:
    """Empty: the texts are not aligned."""
    return {}

  def run(self, encode: Encode) -> Result:
    """Evaluates a model, whose `encode` gives unit vectors, float32 [N, D].

    Sentences are told apart by their text. Beside the F1 of `retrieval` stand those of all,
    each with its own threshold. The average is over languages, each counting the same.
    """
    results = {}
    counts_of = {}
    scored_on = {}
    mean_R = np.zeros(RESAMPLES)
    for language in self.training:
      scored = self._score(language, encode)
      # One retrieval is the suite's metric; it alone is resampled.
      chosen = scored[self.retrieval]
      draws_R = f1(resampled_totals(chosen.counts_B3, key=zlib.crc32(language.encode())))
      results[language] = _metrics(chosen, draws_R, scored)
      counts_of[language] = chosen.counts_B3
      scored_on[language] = "test" if language in self.test else HALVED
      mean_R = mean_R + draws_R / len(self.training)
    report = {
      "suite": "bucc",
      "results": results,
      "average": _average(results, mean_R),
      "scored on": scored_on,
      "skipped": self.skipped,
    }
    return Result(report, Counts(counts_of))

  def _score(self, language: str, encode: Encode) -> "dict[str, Scored]":
    """{retrieval: Scored} of a language."""
    task = self.training[language]
    mined = self._mine(task, encode)
    if language not in self.test:
      first_B = first_half(task)
      return {name: _score_half(pairs, task, first_B) for name, pairs in mined.items()}
    # The training set only chooses the thresholds.
    test = self.test[language]
    scored = {}
    for name, test_pairs in self._mine(test, encode).items():
      gold_P = is_gold(mined[name].rows_P2, task)
      threshold = best_threshold(mined[name].score_P, gold_P, len(task.gold))
      scored[name] = Scored(counts(test_pairs, test, threshold), threshold)
    return scored

  def _mine(self, task: Task, encode: Encode) -> "dict[str, Mined]":
    """{retrieval: Mined} of a task's texts."""
    vectors_of = vectors_by_text(distinct([task.foreign, task.english]), encode)
    near = top_k_both(vectors_of(task.foreign), vectors_of(task.english), self.k)
    scored = neighbour_scores(*near, self.margin)
    mined = {}
    for name in RETRIEVALS:
      row_x_P, row_y_P, score_P = retrieved(*scored, name)
      # In float64, so that a threshold between two scores is between them.
      mined[name] = Mined(score_P.astype(float), np.stack([row_x_P, row_y_P], 1))
    return mined


@dataclasses.dataclass(frozen=True)
class Mined:
  """Mined pairs: their scores, and the rows of the foreign and of the English sentence."""

  score_P: np.ndarray
  rows_P2: np.ndarray


@dataclasses.dataclass(frozen=True)
class Scored:
  """Found, mined and gold pairs of each foreign sentence, by the threshold beside them."""

  counts_B3: np.ndarray
  threshold: float


def _metrics(chosen: Scored, draws_R: np.ndarray, scored: Mapping[str, Scored]) -> Metrics:
  """A language's metrics, from the Scored of the chosen retrieval and {retrieval: Scored}."""
  totals_3 = chosen.counts_B3.sum(0)
  found, mined, gold = totals_3.tolist()
  metrics: Metrics = {
    "f1": interval(float(f1(totals_3)), draws_R),
    "precision": found / max(mined, 1),
    "recall": found / gold,
    "threshold": chosen.threshold,
  }
  for name, one in scored.items():
    metrics[name] = float(f1(one.counts_B3.sum(0)))
  return metrics | {"pairs": gold}


def _average(results: Mapping[str, Metrics], mean_R: np.ndarray) -> Metrics:
  average: Metrics = {"f1": interval(mean_of(results, "f1"), mean_R)}
  for name in ("precision", "recall", *RETRIEVALS):
    average[name] = mean_of(results, name)
  return average | {"languages": len(results)}


def _score_half(pairs: Mined, task: Task, first_B: np.ndarray) -> Scored:
  """The Scored of the second half of the foreign sentences; the first chooses the threshold."""
  in_first_P = first_B[pairs.rows_P2[:, 0]]
  gold_G = first_B[_gold_rows(task)]
  gold_P = is_gold(pairs.rows_P2, task)
  threshold = best_threshold(pairs.score_P[in_first_P], gold_P[in_first_P], gold_G.sum())
  return Scored(counts(pairs, task, threshold)[~first_B], threshold)


def _check(task: Task, k: int, where: str, *, halved: bool) -> None:
  least = min(len(task.foreign), len(task.english))
  if not (isinstance(k, int) and 1 <= k <= least):
    raise InputError(f"{where}: k = {k!r}; 1 to {least}, the number of sentences, is allowed.")
  if halved and len(set(_gold_rows(task).tolist())) < 2:
    raise InputError(f"{where}: has one gold pair; two are needed where there is no test.")


def _gold_rows(task: Task) -> np.ndarray:
  """The foreign row of each gold pair, [G]."""
  return np.array(task.gold)[:, 0]


def is_gold(rows_P2: np.ndarray, task: Task) -> np.ndarray:
  """Whether each mined pair is a true one, [P]."""
  gold = set(task.gold)
  return np.array([tuple(row) in gold for row in rows_P2.tolist()], bool)


def best_threshold(score_P: np.ndarray, gold_P: np.ndarray, gold: int) -> float:
  """The threshold with the best F1 for `gold` true pairs, half-way to the next score below."""
  if not len(score_P):
    return 0.0
  order_P = np.argsort(-score_P, kind="stable")
  score_P = score_P[order_P]
  found_P = gold_P[order_P].cumsum()
  f1_P = 2 * found_P / (np.arange(1, len(score_P) + 1) + gold)
  below_P = np.append(score_P[1:], -np.inf)
  f1_P[score_P == below_P] = -1  # Equal scores are all in or all out.
  last = np.argmax(f1_P)
  if last + 1 == len(score_P):
    return float(score_P[last])
  return float((score_P[last] + below_P[last]) / 2)


def first_half(task: Task) -> np.ndarray:
  """The foreign sentences that choose the threshold: every other one with, and without, gold."""
  without_B = np.ones(len(task.foreign), bool)
  without_B[_gold_rows(task)] = False
  # Those with gold stand first in this order, so that every other one halves both kinds.
  order_B = np.argsort(without_B, kind="stable")
  first_B = np.empty(len(without_B), bool)
  first_B[order_B] = np.arange(len(without_B)) % 2 == 0
  return first_B


def counts(pairs: Mined, task: Task, threshold: float) -> np.ndarray:
  """Found, mined and gold pairs of each foreign sentence, [B, 3]."""
  rows_P2 = pairs.rows_P2[pairs.score_P >= threshold]
  mined_P = rows_P2[:, 0]
  found_F = mined_P[is_gold(rows_P2, task)]

  def of_each(row_P):
    return np.bincount(row_P, minlength=len(task.foreign))

  return np.stack([of_each(found_F), of_each(mined_P), of_each(_gold_rows(task))], 1)
