"""The fields that an experiment need not set: any command line may set them all the same.

A config that does not set one is recorded without it, as before there was such a field.
"""

from typing import Any

import ml_collections

from labse_jax.base.types import Config
from labse_jax.configs.arguments import left_open

OF_EVERY_TASK: dict[str, Any] = {  # By path: the default, or the type of a field that has none.
  "init": "",
  "attention": "auto",
  "profile": 0,
  "unroll": False,
  "freeze": (),
  "row_sparse": False,
  "stages": (),
  "stacking.moments": str,
  "stacking.schedule": str,
  "expected": (),
  "max_length": int,
  "default_prompt": str,
  "prompts.NAME": str,
  "model.position_offset": 0,
  "model.relative_buckets": 0,
  "model.attention_dropout": float,
}
OF_TASK: dict[str, dict[str, Any]] = {
  "dual_encoder": {
    "chunks": 1,
    "tokenise_first": False,
    "exchange": "gather",
    "learned": (),
    "matryoshka": (),
    "language_pairs": (),
    "homogeneous": False,
    "no_repeats": False,
    "hard_negatives.model": str,
    "hard_negatives.k": int,
    "hard_negatives.margin": 0.05,
    "hard_negatives.candidates": 50,
    "hard_negatives.prompt": str,
    "hard_negatives.every": 0,
    "teacher.model": str,
    "teacher.labels": str,
    "teacher.order": (),
    "teacher.prompt": str,
    "teacher.where": "stored",
    "teacher.projection": "",
  }
}
DEFAULTS = OF_EVERY_TASK | OF_TASK["dual_encoder"]
MAY_BE_AUTO = ("unroll",)  # Its default is true or false, but "auto" may be set, too.
SECTIONS = {path.partition(".")[0] for path in DEFAULTS}  # And the fields outside of any section.
ANY_NAME = "NAME"  # As the last part of a path: a person chooses the name.


def not_set(config: Config) -> dict[str, Any]:
  """{path: its default, or its type where it has none} of what a config could set and does not."""
  if "task" not in config:  # It is none for the trainer.
    return {}
  known = OF_EVERY_TASK | OF_TASK.get(config.task, {})
  # Of a section in which a person chooses the names, one more can always be set.
  return {
    path: default
    for path, default in known.items()
    if path.endswith(f".{ANY_NAME}") or not _is_set(config, path)
  }


def let_set(config: Config, path: str) -> None:
  """Puts a field that the config does not set into it, with its default; leaves other paths."""
  optional = not_set(config)
  section, _, _ = path.rpartition(".")
  any_name = f"{section}.{ANY_NAME}"
  default = optional.get(path, optional.get(any_name))
  if default is None or _is_set(config, path):
    return
  place = config
  *sections, name = path.split(".")
  with config.unlocked():
    for one in sections:
      if not isinstance(place.get(one), ml_collections.ConfigDict):  # Missing, or None.
        place[one] = ml_collections.ConfigDict()
      place = place[one]
    if isinstance(default, type):
      place[name] = ml_collections.config_dict.placeholder(default)
    elif path in MAY_BE_AUTO:
      place[name] = left_open(default)
    else:
      place[name] = default


def changes(name: str, value: object) -> bool:
  """Whether leaving out one of SECTIONS makes another run than `value` does."""
  default = DEFAULTS.get(name)
  # As config.json has it.
  return bool(value) and value != (list(default) if isinstance(default, tuple) else default)


def _is_set(config: Config, path: str) -> bool:
  place = config
  for part in path.split("."):
    if not isinstance(place, ml_collections.ConfigDict) or part not in place:
      return False
    place = place[part]
  return True
