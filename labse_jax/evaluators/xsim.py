"""Retrieval of translations by margin score, as LASER's xsim (arXiv 1811.01136, eq. 1-2)."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from labse_jax.base.errors import InputError, known
from labse_jax.base.types import Encode, PathLike
from labse_jax.evaluation.comparison import Draws
from labse_jax.evaluation.evaluator import Pairs, Result
from labse_jax.evaluation.resampling import both_directions, resampled
from labse_jax.evaluation.suite_files import (
  choose,
  files_in,
  large_enough,
  pair_count,
  read_aligned,
)
from labse_jax.evaluation.text_vectors import columns_of, distinct, vectors_by_text
from labse_jax.neighbours.exact import top_k_both
from labse_jax.neighbours.margin import MARGINS, neighbour_scores

SUFFIXES = (".txt", ".devtest", ".dev")
NTREX = r"newstest2019-(?:src|ref)\."  # newstest2019-ref.fra.txt is its "fra".
ENGLISH = ("eng", "eng_Latn")  # NTREX's name and FLORES-200's.


class Evaluator:
  """The share of sentences whose best candidate by margin score is not their translation.

  `data` is a folder of aligned files, one a language: NAME.txt (NTREX, whose own names may stay),
  NAME.dev or NAME.devtest (FLORES-200). Each of `languages`, None for all, is searched from and
  against `pivot`, None for English. `margin` is "ratio", "distance" or "absolute", over the means
  of the `k` nearest. Languages with fewer than `minimum` sentences are named under "skipped".
  Raises InputError for data that is missing or wrong.
  """

  def __init__(
    self,
    *,
    data: PathLike,
    languages: str | Iterable[str] | None = None,
    minimum: int = 0,
    pivot: str | None = None,
    margin: str = "ratio",
    k: int = 4,
  ) -> None:
    files = files_in(data, SUFFIXES, NTREX)
    pivot = _pivot(pivot, files, data)
    others = [name for name in files if name != pivot]
    if not others:
      raise InputError(f"{data}: holds no language beside {pivot!r}.")
    aligned = {}
    for language in choose(languages, others, data):
      aligned[language] = read_aligned(files[language], files[pivot])
    self._pairs, self.skipped = large_enough(aligned, minimum, data, count=pair_count)
    self.margin = known("margin", margin, MARGINS)
    self.k = k
    count = len(self._pivot_texts())
    if not (isinstance(k, int) and 1 <= k <= count):
      raise InputError(f"{data}: k = {k!r}; 1 to {count}, the number of sentences, is allowed.")

  def _pivot_texts(self) -> list[str]:
    """The pivot's sentences, with which all languages are aligned."""
    return next(iter(self._pairs.values()))[1]

  def texts(self) -> list[str]:
    """The distinct sentences of all languages and of the pivot."""
    return distinct(columns_of(self._pairs))

  def pairs(self) -> Pairs:
    """{language: (its sentences, the pivot's sentences)}."""
    return self._pairs

  def run(self, encode: Encode) -> Result:
    """Evaluates a model, whose `encode` gives unit vectors, float32 [N, D].

    `forward` finds the pivot's sentence, `backward` the language's; a found text that equals the
    gold text is right. The average is over languages, each counting the same.
    """
    vectors_of = vectors_by_text(self.texts(), encode)
    wrong_N2B = []
    for texts, pivot_texts in self._pairs.values():
      forward_B, backward_B = best(
        vectors_of(texts), vectors_of(pivot_texts), margin=self.margin, k=self.k
      )
      wrong_N2B.append([misses(forward_B, pivot_texts), misses(backward_B, texts)])
    return self._result(np.array(wrong_N2B, float))

  def _result(self, wrong_N2B: np.ndarray) -> Result:
    count = wrong_N2B.shape[-1]
    draws_RN = error_draws(wrong_N2B.mean(1))
    error_N2 = wrong_N2B.mean(2)
    results = {}
    for language, error_2, draws_R in zip(self._pairs, error_N2, draws_RN.T, strict=True):
      forward, backward = error_2
      results[language] = both_directions("error", forward, backward, draws_R) | {"pairs": count}
    forward, backward = error_N2.mean(0)
    average = both_directions("error", forward, backward, draws_RN.mean(1))
    report = {
      "suite": "xsim",
      "results": results,
      "average": average | {"languages": len(results)},
      "skipped": self.skipped,
    }
    return Result(report, Draws(dict(zip(self._pairs, draws_RN.T, strict=True))))


def error_draws(wrong_NB: np.ndarray) -> np.ndarray:
  """The errors of resamplings of B sentences of N languages, [RESAMPLES, N].

  Languages are aligned, so that one draw of sentences is one for all. Were they drawn apart, the
  interval of their average would be too narrow.
  """
  wrong_BN = wrong_NB.T
  count = len(wrong_BN)
  return resampled(lambda counts_rB: counts_rB @ wrong_BN / count, count, key=0)


def _pivot(pivot: str | None, files: Collection[str], data: PathLike) -> str:
  names = ENGLISH if pivot is None else [pivot]
  found = [name for name in names if name in files]
  if not found:
    raise InputError(
      f"{data}: holds no file of the pivot {' or '.join(map(repr, names))}; choose from"
      f" {', '.join(files)}."
    )
  return found[0]


def misses(
  found_B: np.ndarray, gold_texts: Sequence[str], candidates: Sequence[str] | None = None
) -> list[bool]:
  """Whether the text of each found place is not the gold text, a list of B.

  The places are of `candidates`, or of the gold texts themselves.
  """
  candidates = gold_texts if candidates is None else candidates
  return [candidates[place] != gold for place, gold in zip(found_B, gold_texts, strict=True)]


def best(
  x_BD: np.ndarray, y_BD: np.ndarray, *, margin: str, k: int
) -> tuple[np.ndarray, np.ndarray]:
  """The best candidate of each row by margin score: (rows of y_BD, rows of x_BD), each [B].

  As in LASER, candidates are the k nearest by cosine; the nearest, then the first, wins a tie.
  """
  (score_BK, row_BK), (score_CK, row_CK) = neighbour_scores(*top_k_both(x_BD, y_BD, k), margin)
  return _best_candidate(score_BK, row_BK), _best_candidate(score_CK, row_CK)


def _best_candidate(score_BK: np.ndarray, row_BK: np.ndarray) -> np.ndarray:
  return row_BK[np.arange(len(row_BK)), score_BK.argmax(1)]
