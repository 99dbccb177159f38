"""The fields of a config: all of them as a table, and the nearest to one that is misspelt."""

from collections.abc import Sequence
from typing import Any

import ml_collections

from labse_jax.base.errors import alike
from labse_jax.base.types import Config
from labse_jax.configs import field_habits, optional_fields

PREFIX = "config."
MOST_NEAR = 3


def fields(config: Config, prefix: str = PREFIX) -> list[tuple[str, Any]]:
  """[(path, value)] of all fields, sections opened, such as ("config.optim.clip", 1.0)."""
  found: list[tuple[str, Any]] = []
  for name, value in config.items():
    if isinstance(value, ml_collections.ConfigDict) and len(value):
      found += fields(value, f"{prefix}{name}.")
    else:
      found.append((prefix + name, value))
  return found


def table(config: Config) -> str:
  """The fields as text, one a line, as a command line would set them; then those not set."""
  rows = [(path, _shown(value)) for path, value in fields(config)]
  for path, default in optional_fields.not_set(config).items():
    what = "not set" if isinstance(default, type) else f"not set; default {_shown(default)}"
    rows.append((PREFIX + path, what))
  width = max((len(path) for path, _ in rows), default=0)
  return "\n".join(f"{path:{width}}  {value}".rstrip() for path, value in rows)


def unknown_field(config: Config, path: str) -> str | None:
  """What to say of a path that is no field, with the nearest that are; None where it is one."""
  path = PREFIX + path.removeprefix("--").removeprefix(PREFIX)
  known = [known for known, _ in fields(config)]
  if path in known:
    return None
  known += [PREFIX + one for one in optional_fields.not_set(config)]
  text = f"Unknown config field {path!r}"
  # A section alone is no field: its own are meant.
  near = [one for one in known if one.startswith(path + ".")]
  habit = None if near else _habit(path, known)
  if habit:
    return f"{text}; {habit}."
  near = near or _near(path, known)
  if not near:
    return f"{text}; see the list of them by --fields."
  return f"{text}; did you mean {' or '.join(repr(one) for one in near[:MOST_NEAR])}?"


def _habit(path: str, known: Sequence[str]) -> str | None:
  """What to say where the last part of a path is, or is nearest to, a name from elsewhere."""
  last = path.rpartition(".")[2]
  # Where both are equally near, the name is one of ours in another section.
  ours = [one.rpartition(".")[2] for one in known]
  nearest = alike(last, [*ours, *field_habits.names()])
  if not nearest or nearest[0] in ours:
    return None
  field, what = field_habits.field_of(nearest[0])
  # Not every task has every field.
  return f"{what} is {field}" if field in known else None


def _near(path: str, known: Sequence[str]) -> list[str]:
  """The fields whose last parts, in any section, are like that of the path."""
  last = path.rpartition(".")[2]
  last_parts: dict[str, list[str]] = {}
  for one in known:
    last_parts.setdefault(one.rpartition(".")[2], []).append(one)
  found: list[str] = []
  for part in alike(last, last_parts, MOST_NEAR):
    # In the right section, or with the nearest section, comes first.
    found += alike(path, last_parts[part], MOST_NEAR, cutoff=0)
  return found


def _shown(value: object) -> str:
  if isinstance(value, str):
    return repr(value)
  return "dict()" if isinstance(value, ml_collections.ConfigDict) else str(value)
