"""config.loss and its options: what a loss takes, and what becomes of them where it is changed.

An experiment sets config.loss_options for its own loss. A loss that is named on the command line
instead begins with its own defaults, those of its signature.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
import inspect
import sys
from typing import Any, NamedTuple

from labse_jax.base.errors import InputError, known
from labse_jax.base.plugins import is_file, names, part, stem
from labse_jax.base.types import Config

# What the task gives a loss; the rest of its keyword arguments are options.
GIVEN = {"spread", "teacher_bP", "negatives_bKD", "negative_ids_bK", "negative_mask_bK"}
LOSS = "--config.loss"
OPTION = "--config.loss_options."

Change = tuple[str, str | None]  # The flag of a field, and its value if it has one.


class Asked(NamedTuple):
  """What a command line says of the loss: its name, or None, and {option: text}."""

  loss: str | None
  options: dict[str, str]


def loss_function(name: str) -> Callable[..., Any]:
  """The loss `name`, a file's name in labse_jax/losses or a path; raises InputError."""
  if not is_file(name) and name not in names("losses"):
    known("loss", name, pair_losses())
  loss = part("losses", name, stem(name))
  if not _takes_spread(loss):
    raise InputError(
      f"{name}: {stem(name)} is no loss over pairs; it must take the keyword argument spread. "
      "See docs/a_loss_of_your_own.md."
    )
  return loss


def pair_losses() -> list[str]:
  """The losses of this package to choose among; any other is of a task of its own."""
  return [name for name in names("losses") if _takes_spread(part("losses", name, name))]


def _takes_spread(loss: Callable[..., Any]) -> bool:
  return "spread" in inspect.signature(loss).parameters


def defaults(loss: Callable[..., Any]) -> dict[str, Any]:
  """{option: its default} of a loss function, `inspect.Parameter.empty` where it has none."""
  found = {}
  for name, parameter in inspect.signature(loss).parameters.items():
    if parameter.kind == parameter.KEYWORD_ONLY and name not in GIVEN:
      found[name] = parameter.default
  return found


def completed(
  name: str,
  loss: Callable[..., Any],
  options: dict[str, Any],
) -> dict[str, Any]:
  """`options` with the loss's defaults for what they lack; raises InputError for any other."""
  takes = defaults(loss)
  for option in options:
    known(f"option of loss {name!r},", option, takes)
  whole = takes | options
  lacking = sorted(key for key, value in whole.items() if value is inspect.Parameter.empty)
  if lacking:
    raise InputError(
      f"config.loss_options lacks {lacking}: loss {name!r} takes {sorted(takes)}, and gives these "
      f"no default. Add {OPTION}{lacking[0]}=VALUE."
    )
  return whole


def split(changes: Iterable[Change]) -> tuple[list[Change], Asked]:
  """(changes of fields, as (flag, value), without those of the loss; the loss's as Asked)."""
  rest: list[Change] = []
  options: dict[str, str] = {}
  loss = None
  for name, value in changes:
    if name != LOSS and not name.startswith(OPTION):
      rest.append((name, value))
    elif value is None:
      raise InputError(f"{name}: a value is missing.")
    elif name == LOSS:
      loss = value
    else:
      options[name.removeprefix(OPTION)] = value
  return rest, Asked(loss, options)


def set_loss(config: Config, asked: Asked) -> None:
  """Puts into an experiment's config what the command line asked of the loss.

  Another loss than the experiment's takes none of the experiment's options. One line says which
  are left out, and what the loss has instead. Raises InputError.
  """
  if asked == Asked(None, {}):
    return
  if "loss" not in config:
    raise InputError(f"{LOSS}: config.task = {config.get('task')!r} has no loss to choose.")
  before = config.loss
  old = config.loss_options.to_dict()
  name = asked.loss if asked.loss is not None else before
  loss = loss_function(name)
  takes = defaults(loss)
  options = {key: _value(key, text, name, takes, old) for key, text in asked.options.items()}
  options = completed(name, loss, options if name != before else old | options)
  with config.unlocked(), config.ignore_type():
    config.loss = name
    config.loss_options = options
  if name != before:
    left_out = f"; {before}'s {_listed(old)} left out" if old else ""
    # Not by console.note: that asks JAX which host this is, before the hosts have met.
    text = f"config.loss = {name}: {_listed(options) or 'it has no options'}{left_out}."
    print(f"labse-jax: {text}", file=sys.stderr)


def _value(
  key: str,
  text: str,
  name: str,
  takes: Mapping[str, Any],
  old: Mapping[str, Any],
) -> Any:
  """An option's text as a number, a word or whatever its default is."""
  known(f"option of loss {name!r},", key, takes)
  default = old.get(key, takes[key])
  kind = float if default is inspect.Parameter.empty else type(default)
  try:
    return _of_kind(kind, text)
  except (KeyError, TypeError, ValueError) as error:
    form = f", such as {default!r}" if kind in (tuple, list, dict) and default else ""
    raise InputError(f"{OPTION}{key}={text}: not of the kind {kind.__name__}{form}.") from error


def _of_kind(kind: type, text: str) -> Any:
  """A text as a value of a kind; any value, or else the text itself, where a default is None."""
  if kind is bool:
    return {"true": True, "false": False}[text.lower()]
  if kind in (int, float, str):
    return kind(text)
  try:
    value = ast.literal_eval(text)
  except (MemoryError, RecursionError, SyntaxError, ValueError):
    value = text
  if kind is not type(None) and not isinstance(value, kind):
    raise ValueError(text)
  return value


def _listed(options: Mapping[str, Any]) -> str:
  shown = []
  for name, value in sorted(options.items()):
    shown.append(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}")
  return ", ".join(shown)
