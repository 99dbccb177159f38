"""What the numbers of a config may be."""

import functools
import math
import numbers
from typing import Any

import jax

from labse_jax.base.errors import InputError
from labse_jax.base.types import Config
from labse_jax.models.bert import table_rows

# The values that a config may have, both ends included.
LIMITS: dict[str, tuple[float, float | None]] = {
  "batch_rows": (1, None),
  "slots": (1, None),
  "length": (3, None),
  "chunks": (1, None),
  "log_every": (1, None),
  "save_every": (1, None),
  "total_steps": (0, None),
  "seconds": (0, None),
  "profile": (0, None),
  "exponent": (0, 1),
  "model.width": (1, None),
  "model.depth": (1, None),
  "model.heads": (1, None),
  "model.dropout": (0, 0.999),
  "model.attention_dropout": (0, 0.999),
  "optim.clip": (1e-9, None),
  "optim.weight_decay": (0, None),
  "schedule.peak": (0, None),
  "schedule.warmup": (0, 1),
  "loss_options.scale": (1e-9, None),
  "loss_options.temperature": (1e-9, None),
  "loss_options.teacher_temperature": (1e-9, None),
  "loss_options.cross": (0, 1),
  "share_tlm": (0, 1),
  "masking.share": (0.001, 1),
  "masking.slots": (1, None),
  "vocabulary_chunk": (1, None),
}


def check_ranges(config: Config, mesh: jax.sharding.Mesh) -> None:
  """Raises where a number of the config makes no sense, or the devices do not divide the batch."""
  values = config.to_dict()
  for name, (low, high) in LIMITS.items():
    value = functools.reduce(lambda section, key: section.get(key, {}), name.split("."), values)
    if value == {}:  # Another task's.
      continue
    # A schedule that restarts has one value for each stage.
    values_of = value if isinstance(value, tuple | list) else [value]
    if not all(_within(one, low, high) for one in values_of):
      bounds = f"{low:g} or more" if high is None else f"{low:g} to {high:g}"
      raise InputError(f"config.{name} = {value}; it must be {bounds}.")
  positions = config.model.positions - config.model.get("position_offset", 0)
  if config.length > positions:
    raise InputError(f"config.length = {config.length}: the model has only {positions} positions.")
  chunks = config.get("chunks", 1)
  if config.batch_rows % (mesh.size * chunks):
    parts = f"{mesh.size} devices" + (f" x {chunks} chunks" if chunks > 1 else "")
    raise InputError(f"batch_rows = {config.batch_rows}: not divisible by {parts}.")
  if table_rows(config.model.vocab_size) % config.mesh.fsdp:
    raise InputError(
      f"mesh.fsdp = {config.mesh.fsdp} does not divide the table's "
      f"{table_rows(config.model.vocab_size):,} rows."
    )
  stages_give_steps = config.get("stages") and not in_shares(config)
  if bool(config.total_steps) == bool(config.seconds) and not stages_give_steps:
    raise InputError("Give one of total_steps and seconds; the other is 0.")
  _check_freeze(config)


def in_shares(config: Config) -> bool:
  """Whether the stages of a config are shares of its steps, not numbers of steps."""
  stages = config.get("stages", ())
  pairs = [stage for stage in stages if isinstance(stage, tuple | list) and len(stage) == 2]
  return any(isinstance(length, float) for _, length in pairs)


def _within(value: Any, low: float, high: float | None) -> bool:
  """Whether a value is a number from `low` to `high`; NaN is in no range."""
  most = math.inf if high is None else high
  is_number = isinstance(value, numbers.Real)
  return is_number and low <= value <= most


def _check_freeze(config: Config) -> None:
  freeze = config.get("freeze", ())
  if freeze and config.get("stages"):
    raise InputError(
      "config.freeze: cannot be combined with config.stages, which grow a model from nothing."
    )
  table = [entry for entry in freeze if entry.partition(":")[0] in ("bert", "bert/word_embedding")]
  if table and config.get("row_sparse"):
    raise InputError(
      f"config.freeze = {tuple(table)}: a frozen word table has no rows to write; "
      "set row_sparse = False."
    )
