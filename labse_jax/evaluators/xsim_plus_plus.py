"""xsim among look-alikes of the English sentences: xsim++ (Chen et al. 2023, arXiv 2306.12907)."""

import numpy as np

from labse_jax.encoding.encode_functions import encode_distinct
from labse_jax.evaluation.perturbations import KINDS, perturbed
from labse_jax.evaluation.resampling import interval, resampled
from labse_jax.evaluators import xsim


class Evaluator(xsim.Evaluator):
  """The share of sentences whose best English candidate by margin score is not their translation.

  The candidates are the English sentences and perturbations of them by rules of our own, so that
  figures do not compare with those of the paper's perturbations. The arguments are those of xsim,
  but for `pivot`, which is English.
  """

  def __init__(self, *, data, languages=None, minimum=0, margin="ratio", k=4):
    super().__init__(data=data, languages=languages, minimum=minimum, margin=margin, k=k)

  def run(self, encode):
    """Evaluates `encode(list[str]) -> float32 [N, D]`, whose rows are unit vectors.

    Beside "error" stand "xsim", the error without perturbations, and the shares of sentences for
    which a perturbation of a kind, or ("other") the sentence of another line, was the best.
    """
    english = next(iter(self.pairs.values()))[1]  # All languages are aligned with it.
    look_alikes = perturbed(english)
    candidates = [*english, *(text for _, _, text in look_alikes)]
    kind_C = np.array([*["other"] * len(english), *(kind for _, kind, _ in look_alikes)])
    columns = [candidates, *(texts for texts, _ in self.pairs.values())]
    row_of, vectors_ND = encode_distinct([columns], encode)

    def of(texts):
      return vectors_ND[[row_of[text] for text in texts]]

    results, wrong_NB = {}, []
    for language, (texts, _) in self.pairs.items():
      x_BD = of(texts)
      alone_B, _ = xsim.best(x_BD, of(english), margin=self.margin, k=self.k)
      found_B, _ = xsim.best(x_BD, of(candidates), margin=self.margin, k=self.k)
      wrong_B = np.array(
        [candidates[place] != gold for place, gold in zip(found_B, english, strict=True)]
      )
      wrong_NB.append(wrong_B)
      results[language] = {"xsim": float(np.mean(xsim.misses(alone_B, english)))} | {
        kind: float((wrong_B & (kind_C[found_B] == kind)).mean()) for kind in (*KINDS, "other")
      }
    return self._reported(results, np.array(wrong_NB, float), len(candidates))

  def _reported(self, results, wrong_NB, candidates):
    # As in xsim: languages are aligned, so that one draw of sentences is one for all.
    count = wrong_NB.shape[1]
    draws_RN = resampled(lambda counts_rB: counts_rB @ wrong_NB.T / count, count, key=0)

    def mean(name):
      return float(np.mean([shares[name] for shares in results.values()]))

    average = {"error": interval(wrong_NB.mean(), draws_RN.mean(1))}
    average |= {name: mean(name) for name in ("xsim", *KINDS, "other")}
    results = {
      language: {"error": interval(wrong_B.mean(), draws_R), **shares, "pairs": count}
      for (language, shares), wrong_B, draws_R in zip(
        results.items(), wrong_NB, draws_RN.T, strict=True
      )
    }
    return {
      "suite": "xsim_plus_plus",
      "results": results,
      "average": {**average, "languages": len(results)},
      "candidates": candidates,
      "skipped": self.skipped,
      "draws": dict(zip(results, draws_RN.T, strict=True)),  # For labse_jax.evaluation.comparison.
    }
