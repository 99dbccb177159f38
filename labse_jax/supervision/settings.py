"""Sections of a config that are the arguments of a function."""

from collections.abc import Callable, Iterable, Mapping
import inspect
import numbers
import os
from typing import Any

from labse_jax.base.errors import InputError, known
from labse_jax.base.types import Config


def arguments(
  name: str,
  section: Config,
  function: Callable[..., object],
  *,
  given: Iterable[str],
  more: Iterable[str] = (),
  needed: Iterable[str] = (),
) -> dict[str, Any]:
  """config.NAME, a section, as a dict of keyword arguments of `function`.

  The arguments in `given` come from elsewhere, and the keys in `more` go elsewhere. Raises
  InputError for a key that is not known, and where one that is `needed` is absent or empty.
  """
  # The keys are the function's own parameter names, so that a new option is listed in one place.
  parameters = set(inspect.signature(function).parameters)
  allowed = parameters - set(given)
  allowed |= set(more)
  for key in section:
    known(f"name in config.{name}", key, allowed)
  lacking = [key for key in needed if not section.get(key)]
  if lacking:
    raise InputError(f"config.{name} lacks {lacking}.")
  return dict(section.items())


def check_kinds(name: str, options: Mapping[str, object], kinds: Mapping[str, str]) -> None:
  """Raises InputError where config.NAME has an option that is not of its kind, {option: kind}."""
  for key, kind in kinds.items():
    if key in options and not _is(kind, options[key]):
      raise InputError(f"config.{name}.{key} = {options[key]!r}: {kind} is needed.")


def _is(kind, value):
  if kind == "a text or None":
    return value is None or isinstance(value, str)
  if kind == "a folder":
    return isinstance(value, str | os.PathLike)
  if kind == "a list of texts":
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
  number = {"a whole number": numbers.Integral, "a number": numbers.Real}[kind]
  return isinstance(value, number) and not isinstance(value, bool)
