"""Mining of translations from two texts: the BUCC shared task (Zweigenbaum et al. 2017)."""

import pathlib
import zlib

import numpy as np

from labse_jax.base.errors import InputError, known
from labse_jax.encoding.encode_functions import encode_distinct
from labse_jax.evaluation.bucc_files import languages_in, read_task
from labse_jax.evaluation.resampling import f1, interval, resampled_totals
from labse_jax.evaluation.suite_files import choose, large_enough
from labse_jax.neighbours.exact import top_k_both
from labse_jax.neighbours.margin import MARGINS, RETRIEVALS, neighbour_scores, retrieved


class Evaluator:
  """Precision, recall and F1 of pairs mined by margin score (Artetxe and Schwenk 2019).

  `data` is a folder of XX-en.training.XX and .en (id, tab, sentence) and .gold (id, tab, id), one
  set a language, and the same with .test. where there is a test. The threshold is the best for F1
  on the training set; where there is no test, on one half of the foreign sentences, and the other
  half is scored. `margin` is "ratio", "distance" or "absolute" over the means of the `k` nearest.
  `retrieval` takes the best candidates of the foreign sentences ("forward"), of the English ones
  ("backward"), those in both ("intersection") or in either ("union"), or of these the best whose
  sentences are still free ("max").
  Languages with fewer than `minimum` gold pairs are named under "skipped". Raises InputError for
  what is not there or does not fit.
  """

  def __init__(self, *, data, languages=None, minimum=0, margin="ratio", k=4, retrieval="max"):
    self.margin, self.k = known("margin", margin, MARGINS), k
    self.retrieval = known("retrieval", retrieval, RETRIEVALS)
    chosen = choose(languages, languages_in(data), data)
    training = {language: read_task(data, language, "training") for language in chosen}
    self.training, self.skipped = large_enough(training, minimum, data)
    self.test = {
      language: read_task(data, language, "test")
      for language in self.training
      if (pathlib.Path(data) / f"{language}-en.test.gold").exists()
    }
    for part, tasks in (("training", self.training), ("test", self.test)):
      for language, task in tasks.items():
        _check(task, k, f"{data}: {language}-en.{part}", halved=language not in self.test)

  def run(self, encode):
    """Evaluates `encode(list[str]) -> float32 [N, D]`, whose rows are unit vectors.

    Sentences are told apart by their text. Beside the F1 of `retrieval` stand those of all,
    each with its own threshold. The average is over languages, each counting the same.
    """
    results, paired, draws = {}, {}, 0
    for language in self.training:
      scored = self._score(language, encode)
      sums_BJ, threshold = scored[self.retrieval]
      language_draws = f1(resampled_totals(sums_BJ, key=zlib.crc32(language.encode())))
      found, mined, gold = sums_BJ.sum(0).tolist()
      results[language] = {
        "f1": interval(f1(sums_BJ.sum(0)), language_draws),
        "precision": found / max(mined, 1),
        "recall": found / gold,
        "threshold": threshold,
        **{name: float(f1(counts_BJ.sum(0))) for name, (counts_BJ, _) in scored.items()},
        "pairs": gold,
      }
      paired[language] = sums_BJ
      draws = draws + language_draws / len(self.training)

    def mean(name):
      return float(np.mean([result[name] for result in results.values()]))

    values = [result["f1"]["value"] for result in results.values()]
    average = {
      "f1": interval(np.mean(values), draws),
      **{name: mean(name) for name in ("precision", "recall", *RETRIEVALS)},
      "languages": len(results),
    }
    scored_on = {
      language: "test"
      if language in self.test
      else "half of the training set, the threshold chosen on the other"
      for language in results
    }
    return {
      "suite": "bucc",
      "results": results,
      "average": average,
      "scored on": scored_on,
      "skipped": self.skipped,
      "counts": paired,  # For labse_jax.evaluation.comparison.
    }

  def _score(self, language, encode):
    """{retrieval: (found, mined and gold pairs of each foreign sentence [B, 3], threshold)}."""
    task = self.training[language]
    mined = self._mine(task, encode)
    if language not in self.test:
      first_B = first_half(task)
      return {name: self._halves(pairs, task, first_B) for name, pairs in mined.items()}
    thresholds = {
      name: best_threshold(score_P, is_gold(rows_P2, task), len(task.gold))
      for name, (score_P, rows_P2) in mined.items()
    }
    test = self.test[language]
    return {
      name: (counts(pairs, test, thresholds[name]), thresholds[name])
      for name, pairs in self._mine(test, encode).items()
    }

  def _halves(self, pairs, task, first_B):
    score_P, rows_P2 = pairs
    in_first_P = first_B[rows_P2[:, 0]]
    gold = first_B[np.array(task.gold)[:, 0]].sum()
    gold_P = is_gold(rows_P2, task)
    threshold = best_threshold(score_P[in_first_P], gold_P[in_first_P], gold)
    return counts(pairs, task, threshold)[~first_B], threshold

  def _mine(self, task, encode):
    row_of, vectors_ND = encode_distinct([task[1:]], encode)
    x_BD, y_CD = (vectors_ND[[row_of[text] for text in side]] for side in task[1:])
    scored = neighbour_scores(*top_k_both(x_BD, y_CD, self.k), self.margin)
    mined = {name: retrieved(*scored, name) for name in RETRIEVALS}
    # In float64, so that a threshold between two scores is between them.
    return {
      name: (score_P.astype(float), np.stack([row_x_P, row_y_P], 1))
      for name, (row_x_P, row_y_P, score_P) in mined.items()
    }


def _check(task, k, where, *, halved):
  least = min(len(task.foreign), len(task.english))
  if not (isinstance(k, int) and 1 <= k <= least):
    raise InputError(f"{where}: k = {k!r}; 1 to {least}, the number of sentences, is allowed.")
  if halved and len({row for row, _ in task.gold}) < 2:
    raise InputError(f"{where}: has one gold pair; two are needed where there is no test.")


def is_gold(rows_P2, task):
  """Whether each mined pair is a true one, [P]."""
  gold = set(task.gold)
  return np.array([tuple(row) in gold for row in rows_P2.tolist()], bool)


def best_threshold(score_P, gold_P, gold):
  """The threshold with the best F1 for `gold` true pairs, half-way to the next score below."""
  if not len(score_P):
    return 0.0
  order_P = np.argsort(-score_P, kind="stable")
  score_P, found_P = score_P[order_P], gold_P[order_P].cumsum()
  f1_P = 2 * found_P / (np.arange(1, len(score_P) + 1) + gold)
  below_P = np.append(score_P[1:], -np.inf)
  f1_P[score_P == below_P] = -1  # Equal scores are all in or all out.
  last = f1_P.argmax()
  return float(score_P[last] if last + 1 == len(score_P) else (score_P[last] + below_P[last]) / 2)


def first_half(task):
  """The foreign sentences that choose the threshold: every other one with, and without, gold."""
  without_B = np.ones(len(task.foreign), bool)
  without_B[[row for row, _ in task.gold]] = False
  first_B = np.empty(len(without_B), bool)
  first_B[np.argsort(without_B, kind="stable")] = np.arange(len(without_B)) % 2 == 0
  return first_B


def counts(pairs, task, threshold):
  """Found, mined and gold pairs of each foreign sentence, [B, 3]."""
  score_P, rows_P2 = pairs
  rows_P2 = rows_P2[score_P >= threshold]

  def of(row):
    return np.bincount(row, minlength=len(task.foreign))

  gold_G = np.array([row for row, _ in task.gold])
  return np.stack([of(rows_P2[is_gold(rows_P2, task), 0]), of(rows_P2[:, 0]), of(gold_G)], 1)
