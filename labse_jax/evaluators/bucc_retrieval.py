"""Retrieval among the gold pairs of BUCC, as MTEB has it (its BUCC.v2); nothing is mined."""

from labse_jax.bucc_task import languages_in, read_task
from labse_jax.evaluation import choose, large_enough
from labse_jax.evaluators.tatoeba import average, retrieve


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
    """
    results, draws, outcomes = retrieve(self.pairs, encode)
    return {
      "suite": "bucc_retrieval",
      "results": results,
      "average": average(results, draws),
      "skipped": self.skipped,
      "outcomes": outcomes,  # For labse_jax.comparison.
    }


def _gold_texts(task):
  return [task.foreign[row] for row, _ in task.gold], [task.english[row] for _, row in task.gold]
