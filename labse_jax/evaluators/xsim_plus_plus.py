"""xsim among look-alikes of the English sentences: xsim++ (Chen et al. 2023, arXiv 2306.12907)."""

from collections.abc import Iterable, Mapping

import numpy as np

from labse_jax.base.types import Encode, PathLike
from labse_jax.evaluation.comparison import Draws
from labse_jax.evaluation.evaluator import Result
from labse_jax.evaluation.perturbations import KINDS, perturbed
from labse_jax.evaluation.resampling import interval, mean_of
from labse_jax.evaluation.result_table import Metrics
from labse_jax.evaluation.text_vectors import distinct, vectors_by_text
from labse_jax.evaluators import xsim

SHARES = (*KINDS, "other")


class Evaluator(xsim.Evaluator):
  """The share of sentences whose best English candidate by margin score is not their translation.

  The candidates are the English sentences and perturbations of them by rules of our own, so that
  figures do not compare with those of the paper's perturbations. The arguments are those of xsim,
  but for `pivot`, which is English.
  """

  def __init__(
    self,
    *,
    data: PathLike,
    languages: str | Iterable[str] | None = None,
    minimum: int = 0,
    margin: str = "ratio",
    k: int = 4,
  ) -> None:
    super().__init__(data=data, languages=languages, minimum=minimum, margin=margin, k=k)
    english = self._pivot_texts()
    self.candidates = list(english)
    kinds = ["other"] * len(english)
    for _, kind, text in perturbed(english):
      self.candidates.append(text)
      kinds.append(kind)
    self.kind_C = np.array(kinds)

  def texts(self) -> list[str]:
    """The distinct candidates, then the distinct sentences of all languages."""
    columns = [self.candidates]
    for texts, _ in self._pairs.values():
      columns.append(texts)
    return distinct(columns)

  def run(self, encode: Encode) -> Result:
    """Evaluates a model, whose `encode` gives unit vectors, float32 [N, D].

    Beside "error" stands "xsim", the error without perturbations. The shares of sentences whose
    best candidate was a perturbation stand under its kind; "other" is the share of those whose best
    candidate was the sentence of another line.
    """
    english = self._pivot_texts()
    vectors_of = vectors_by_text(self.texts(), encode)
    english_BD = vectors_of(english)
    candidate_CD = vectors_of(self.candidates)
    shares = {}
    wrong_NB = []
    for language, (texts, _) in self._pairs.items():
      x_BD = vectors_of(texts)
      # Without and with look-alikes, so that the figures tell what these change.
      alone_B, _ = xsim.best(x_BD, english_BD, margin=self.margin, k=self.k)
      found_B, _ = xsim.best(x_BD, candidate_CD, margin=self.margin, k=self.k)
      wrong_B = np.array(xsim.misses(found_B, english, self.candidates))
      wrong_NB.append(wrong_B)
      shares[language] = {"xsim": float(np.mean(xsim.misses(alone_B, english)))}
      for kind in SHARES:
        of_kind_B = wrong_B & (self.kind_C[found_B] == kind)
        shares[language][kind] = float(of_kind_B.mean())
    return self._result_with_shares(shares, np.array(wrong_NB, float))

  def _result_with_shares(
    self, shares: Mapping[str, Mapping[str, float]], wrong_NB: np.ndarray
  ) -> Result:
    draws_RN = xsim.error_draws(wrong_NB)
    results = {}
    rows = zip(shares.items(), wrong_NB, draws_RN.T, strict=True)
    for (language, row), wrong_B, draws_R in rows:
      error = interval(wrong_B.mean(), draws_R)
      results[language] = {"error": error, **row, "pairs": wrong_NB.shape[1]}
    average: Metrics = {"error": interval(wrong_NB.mean(), draws_RN.mean(1))}
    for name in ("xsim", *SHARES):
      average[name] = mean_of(shares, name)
    report = {
      "suite": "xsim_plus_plus",
      "results": results,
      "average": {**average, "languages": len(results)},
      "candidates": len(self.candidates),
      "skipped": self.skipped,
    }
    return Result(report, Draws(dict(zip(results, draws_RN.T, strict=True))))
