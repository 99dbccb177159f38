"""The contract of an evaluator: what a file of labse_jax/evaluators/ must give."""

from collections.abc import Iterable
import dataclasses
import typing

from labse_jax.base.types import Encode, PathLike
from labse_jax.evaluation.comparison import Paired
from labse_jax.evaluation.result_table import Report

# {language: (its texts, the pivot's texts)}, where line N translates line N.
Pairs = dict[str, tuple[list[str], list[str]]]


@dataclasses.dataclass(frozen=True)
class Result:
  """What an evaluator found out about one model.

  `report` is plain JSON: {"suite", "results": {language: {metric: value}}, "average": {metric:
  value}, "skipped": {language: number of pairs}}. A suite may add "groups" {name: average} and
  "scored on" {language: words}. A value is a number or {"value", "low", "high"}. The first metric
  of a language is the main one.

  `paired` is what a paired test of two models needs, or None where the suite has nothing to pair.
  """

  report: Report
  paired: Paired | None = None


class Evaluator(typing.Protocol):
  """One benchmark. The file labse_jax/evaluators/NAME.py gives a class of this name and form.

  The constructor reads `data`, a file or a folder. `languages` names those to use; text has commas
  between them, and None is all. Languages with fewer than `minimum` pairs are skipped. An evaluator
  may take more keyword arguments: they are options of the suite (`--option NAME=VALUE`). The
  constructor raises InputError for data that is missing or wrong.
  """

  skipped: dict[str, int]

  def __init__(
    self, *, data: PathLike, languages: str | Iterable[str] | None = None, minimum: int = 0
  ) -> None: ...

  def texts(self) -> list[str]:
    """The distinct texts that `run` encodes, in the order in which it first needs them."""

  def pairs(self) -> Pairs:
    """The translations of each language.

    It is empty where a suite has no translations or does not keep them in memory.
    """

  def run(self, encode: Encode) -> Result:
    """Evaluates a model, given as `encode`: N texts to unit vectors, float32 [N, D]."""
