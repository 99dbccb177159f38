"""The fields of a config: all of them as a table, and the nearest to one that is misspelt."""

import ml_collections

from labse_jax.base.errors import alike

PREFIX = "config."
MOST_NEAR = 3


def fields(config, prefix=PREFIX):
  """[(path, value)] of all fields, sections opened, such as ("config.optim.clip", 1.0)."""
  found = []
  for name, value in config.items():
    if isinstance(value, ml_collections.ConfigDict) and len(value):
      found += fields(value, f"{prefix}{name}.")
    else:
      found.append((prefix + name, value))
  return found


def table(config):
  """The fields as text, one a line, as a command line would set them."""
  rows = [(path, _shown(value)) for path, value in fields(config)]
  width = max((len(path) for path, _ in rows), default=0)
  return "\n".join(f"{path:{width}}  {value}".rstrip() for path, value in rows)


def unknown_field(config, path):
  """What to say of a path that is no field, with the nearest that are; None where it is one."""
  path = PREFIX + path.removeprefix("--").removeprefix(PREFIX)
  known = [known for known, _ in fields(config)]
  if path in known:
    return None
  # A section alone is no field: its own are meant.
  near = [one for one in known if one.startswith(path + ".")] or _near(path, known)
  text = f"Unknown config field {path!r}"
  if not near:
    return f"{text}; see the list of them by --fields."
  return f"{text}; did you mean {' or '.join(repr(one) for one in near[:MOST_NEAR])}?"


def _near(path, known):
  """The fields whose last parts, in any section, are like that of the path."""
  last = path.rpartition(".")[2]
  last_parts = {}
  for one in known:
    last_parts.setdefault(one.rpartition(".")[2], []).append(one)
  found = []
  for part in alike(last, last_parts, MOST_NEAR):
    # In the right section, or with the nearest section, comes first.
    found += alike(path, last_parts[part], MOST_NEAR, cutoff=0)
  return found


def _shown(value):
  if isinstance(value, str):
    return repr(value)
  return "dict()" if isinstance(value, ml_collections.ConfigDict) else str(value)
