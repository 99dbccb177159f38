"""Retrieval of translations by margin score, as LASER's xsim (arXiv 1811.01136, eq. 1-2)."""

import numpy as np

from labse_jax.base.errors import InputError, known
from labse_jax.encoding.encode_functions import encode_distinct
from labse_jax.evaluation.resampling import both_directions, resampled
from labse_jax.evaluation.suite_files import choose, files_in, large_enough, read_aligned
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
  Raises InputError for what is not there or does not fit.
  """

  def __init__(self, *, data, languages=None, minimum=0, pivot=None, margin="ratio", k=4):
    files = files_in(data, SUFFIXES, NTREX)
    pivot = _pivot(pivot, files, data)
    others = [name for name in files if name != pivot]
    if not others:
      raise InputError(f"{data}: holds no language beside {pivot!r}.")
    aligned = {
      language: read_aligned(files[language], files[pivot])
      for language in choose(languages, others, data)
    }
    self.pairs, self.skipped = large_enough(aligned, minimum, data)
    self.margin, self.k = known("margin", margin, MARGINS), k
    count = len(next(iter(self.pairs.values()))[0])
    if not (isinstance(k, int) and 1 <= k <= count):
      raise InputError(f"{data}: k = {k!r}; 1 to {count}, the number of sentences, is allowed.")

  def run(self, encode):
    """Evaluates `encode(list[str]) -> float32 [N, D]`, whose rows are unit vectors.

    `forward` finds the pivot's sentence, `backward` the language's; a found text that equals the
    gold text is right. The average is over languages, each counting the same.
    """
    row_of, vectors_ND = encode_distinct(self.pairs.values(), encode)
    wrong_N2B = []
    for texts, pivot_texts in self.pairs.values():
      x_BD, y_BD = (vectors_ND[[row_of[text] for text in side]] for side in (texts, pivot_texts))
      forward_B, backward_B = best(x_BD, y_BD, margin=self.margin, k=self.k)
      wrong_N2B.append([misses(forward_B, pivot_texts), misses(backward_B, texts)])
    return self._report(np.array(wrong_N2B, float))

  def _report(self, wrong_N2B):
    # Languages are aligned, so that one draw of sentences is one for all; were they drawn apart,
    # the interval of the average would be too narrow.
    wrong_BN, count = wrong_N2B.mean(1).T, wrong_N2B.shape[-1]
    draws_RN = resampled(lambda counts_rB: counts_rB @ wrong_BN / count, count, key=0)
    error_N2 = wrong_N2B.mean(2)
    results = {
      language: {**both_directions("error", *error_2, draws_R), "pairs": count}
      for language, error_2, draws_R in zip(self.pairs, error_N2, draws_RN.T, strict=True)
    }
    average = both_directions("error", *error_N2.mean(0), draws_RN.mean(1))
    average["languages"] = len(results)
    return {
      "suite": "xsim",
      "results": results,
      "average": average,
      "skipped": self.skipped,
      "draws": dict(
        zip(self.pairs, draws_RN.T, strict=True)
      ),  # For labse_jax.evaluation.comparison.
    }


def _pivot(pivot, files, data):
  names = ENGLISH if pivot is None else [pivot]
  found = [name for name in names if name in files]
  if not found:
    raise InputError(
      f"{data}: holds no file of the pivot {' or '.join(map(repr, names))}; choose from"
      f" {', '.join(files)}."
    )
  return found[0]


def misses(found_B, texts):
  """Whether each found text is another than the one that stands in its place."""
  return [texts[place] != gold for place, gold in zip(found_B, texts, strict=True)]


def best(x_BD, y_BD, *, margin, k):
  """The best candidate of each row by margin score: (rows of y_BD, rows of x_BD), each [B].

  As in LASER, candidates are the k nearest by cosine; the nearest, then the first, wins a tie.
  """
  scored = neighbour_scores(*top_k_both(x_BD, y_BD, k), margin)
  return tuple(
    place_BK[np.arange(len(place_BK)), score_BK.argmax(1)] for score_BK, place_BK in scored
  )
