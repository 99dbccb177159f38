"""Evaluators that run between the steps of training: the sections of config.evals."""

from collections.abc import Sequence
import dataclasses
from typing import Any, Protocol

import jax

from labse_jax.base.console import is_main
from labse_jax.base.errors import InputError
from labse_jax.base.plugins import part
from labse_jax.base.sharding import whole
from labse_jax.base.types import Config, Encode
from labse_jax.encoding.encode_functions import encode_function
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.training.optim import State
from labse_jax.training.stage import Stage


class Result(Protocol):
  """What is read of an evaluator's Result."""

  @property
  def report(self) -> dict[str, Any]:
    """Plain JSON; "average" in it has the values by metric."""


class Evaluator(Protocol):
  """What is called of an evaluator (see labse_jax/evaluation/evaluator.py)."""

  def run(self, encode: Encode) -> Result:
    """Evaluates a model."""


@dataclasses.dataclass
class Evaluation:
  """An evaluator that is due every so many steps."""

  name: str
  every: int
  evaluator: Evaluator

  def run(self, encoder: SentenceEncoder) -> dict[str, float]:
    """{"NAME/METRIC": the average over languages}."""
    values = {}
    for metric, value in self.evaluator.run(encode_function(encoder)).report["average"].items():
      # The log has no intervals.
      values[f"{self.name}/{metric}"] = value["value"] if isinstance(value, dict) else value
    return values


def make_evals(sections: Config) -> list[Evaluation]:
  """The Evaluations of config.evals; raises InputError for a section that does not fit."""
  return [_make(name, dict(section)) for name, section in sections.to_dict().items()]


def _make(name, options):
  missing = {"type", "every"} - set(options)
  if missing:
    raise InputError(f"config.evals.{name} lacks {sorted(missing)}.")
  kind = options.pop("type")
  every = options.pop("every")
  whole_number = isinstance(every, int) and not isinstance(every, bool)
  if not whole_number or every < 1:
    raise InputError(
      f"config.evals.{name}.every = {every!r}; it must be a number of steps, 1 or more."
    )
  try:
    return Evaluation(name, every, part("evaluators", kind, "Evaluator")(**options))
  except TypeError as error:
    raise InputError(f"config.evals.{name}: {error}.") from error


def evaluate(
  due: Sequence[Evaluation], stage: Stage, state: State, mesh: jax.sharding.Mesh
) -> dict[str, float]:
  """The averages of the Evaluations that are due, run on the first host's own devices."""
  if not due:
    return {}
  # Every host takes part in this, or the others would wait for it forever.
  params = whole(stage.settle(state), mesh)
  values: dict[str, float] = {}
  if is_main():
    for evaluation in due:
      values |= evaluation.run(stage.task.encoder(params))
  return values
