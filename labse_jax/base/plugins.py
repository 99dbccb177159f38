"""Losses, tasks and evaluators are found by the name of their file."""

import importlib
import pathlib

from labse_jax.base.errors import known

PACKAGE = pathlib.Path(__file__).parents[1]


def names(folder):
  """The modules of labse_jax/FOLDER."""
  return sorted(path.stem for path in (PACKAGE / folder).glob("[a-z]*.py"))


def chosen(folder, name):
  """The module labse_jax/FOLDER/NAME.py; raises, with the nearest name, where there is none."""
  kind = {"losses": "loss"}.get(folder, folder.removesuffix("s"))
  known(kind, name, names(folder))
  return importlib.import_module(f"labse_jax.{folder}.{name}")
