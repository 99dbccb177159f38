"""An experiment's argument (`FILE.py:a=1,runlocal`), and the experiment beside another."""

import importlib.util
import os
import pathlib
import types

import ml_collections

from labse_jax.base.errors import InputError, nearest
from labse_jax.base.types import Config, PathLike

Option = bool | int | float | str


def parse_arg(arg: str | None, **defaults: Option) -> Config:
  """An experiment's `arg` ("a=1,runlocal") over typed defaults, as a ConfigDict."""
  options = dict(defaults)
  for word in filter(None, (arg or "").split(",")):
    name, _, text = word.partition("=")
    if name not in options:
      hint = nearest(name, options) or f"; choose from {sorted(options)}."
      raise InputError(f"Unknown option {name!r} of the config{hint}")
    default = options[name]
    try:
      if isinstance(default, bool):
        options[name] = {"": True, "true": True, "false": False}[text.lower()]
      else:
        # A path may be within the home folder; the shell leaves a "~" within a word as it is.
        options[name] = type(default)(os.path.expanduser(text))
    except (KeyError, ValueError) as error:
      kind = type(default).__name__
      raise InputError(f"{name}={text}: not of the kind {kind}.") from error
  return ml_collections.ConfigDict(options)


def left_open(value: bool | str = "auto") -> ml_collections.FieldReference:
  """The value of a field that may be set to true, to false and to "auto"."""
  return ml_collections.FieldReference(value, field_type=object)


def split_arg(arg: str | None, **defaults: Option) -> tuple[Config, str]:
  """(those options of an experiment's `arg` that `defaults` names, the rest of it as text)."""
  words = list(filter(None, (arg or "").split(",")))
  own = [word for word in words if word.partition("=")[0] in defaults]
  rest = ",".join(word for word in words if word not in own)
  return parse_arg(",".join(own), **defaults), rest


def sibling(path: PathLike, name: str) -> types.ModuleType:
  """The experiment NAME.py beside the file `path`, wherever the command is run from."""
  place = pathlib.Path(path).parent / f"{name}.py"
  spec = importlib.util.spec_from_file_location(place.stem, place)
  assert spec and spec.loader  # There is one for every file that ends in .py.
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module
