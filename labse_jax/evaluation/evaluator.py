"""The contract of an evaluator: what a file of labse_jax/evaluators/ must give."""

from collections.abc import Callable
import dataclasses
import typing

import numpy as np

from labse_jax.evaluation.comparison import Paired


@dataclasses.dataclass(frozen=True)
class Result:
  """What an evaluator found out about one model.

  `report` is plain JSON: {"suite", "results": {language: {metric: value}}, "average": {metric:
  value}, "skipped": {language: number of pairs}}. A suite may add "groups" {name: average} and
  "scored on" {language: words}. A value is a number or {"value", "low", "high"}. The first metric
  of a language is the main one.

  `paired` is what a paired test of two models needs, or None where the suite has nothing to pair.
  """

  report: dict
  paired: Paired | None = None


class Evaluator(typing.Protocol):
  """One benchmark. The file labse_jax/evaluators/NAME.py gives a class of this name and form.

  The constructor reads `data`, a file or a folder. `languages` names those to use; None is all.
  Languages with fewer than `minimum` pairs are skipped. An evaluator may take more keyword
  arguments: they are options of the suite (`--option NAME=VALUE`). The constructor raises
  InputError for data that is missing or wrong.
  """

  skipped: dict[str, int]

  def __init__(self, *, data, languages=None, minimum=0): ...

  def texts(self) -> list[str]:
    """The distinct texts that `run` encodes, in the order in which it first needs them."""

  def pairs(self) -> dict[str, tuple[list[str], list[str]]]:
    """{language: (its texts, the pivot's texts)}, where line N translates line N.

    It is empty where a suite has no translations or does not keep them in memory.
    """

  def run(self, encode: Callable[[list[str]], np.ndarray]) -> Result:
    """Evaluates a model, given as `encode`: N texts to unit vectors, float32 [N, D]."""
