"""Losses, tasks and evaluators: files of this package by name, or a person's own by path."""

from collections.abc import Callable
import functools
import importlib
import os
import pathlib
import sys
import traceback
import types
from typing import Any

from labse_jax.base import fingerprint
from labse_jax.base.errors import InputError, alike, known, listed

PACKAGE = pathlib.Path(__file__).parents[1]


def names(folder: str) -> list[str]:
  """The modules of labse_jax/FOLDER."""
  return sorted(path.stem for path in (PACKAGE / folder).glob("[a-z]*.py"))


def is_file(name: object) -> bool:
  """Whether a plug-in is given as a file of a person's own, as "my_loss.py" or "losses/mine"."""
  text = str(name)  # A config may hold anything: what is no name is refused by `chosen`.
  return text.endswith(".py") or "/" in text or os.sep in text


def stem(name: str) -> str:
  """What a plug-in is called: the name itself, or that of its file without the ending."""
  return pathlib.Path(name).stem if is_file(name) else name


def chosen(folder: str, name: str) -> types.ModuleType:
  """The module labse_jax/FOLDER/NAME.py, or the one in the file NAME.

  Raises InputError, with the nearest name, where there is none.
  """
  if is_file(name):
    path = file_of(name, _kind(folder))
    return module_of(path)
  known(_kind(folder), name, names(folder))
  return importlib.import_module(f"labse_jax.{folder}.{name}")


def part(folder: str, name: str, attribute: str) -> Callable[..., Any]:
  """What the plug-in NAME calls `attribute`; raises InputError where it has no such function."""
  module = chosen(folder, name)
  found = getattr(module, attribute, None)
  if callable(found):
    return found
  own = [key for key, value in vars(module).items() if _is_own(value, module)]
  whose = ", the name of its file" if attribute == stem(name) else ""
  raise InputError(
    f"{name}: must define {attribute}{whose}; it defines {listed(own) or 'nothing'}."
  )


def content_hash(name: str) -> str | None:
  """A hash of the file that a plug-in is, None for one of this package."""
  if not is_file(name):
    return None
  return fingerprint.of_bytes(file_of(name).read_bytes())


def _kind(folder: str) -> str:
  return {"losses": "loss"}.get(folder, folder.removesuffix("s"))


def file_of(name: str, kind: str = "plug-in") -> pathlib.Path:
  """The path of the file that a plug-in is; raises InputError where there is none."""
  path = pathlib.Path(name).expanduser().absolute()
  if path.is_file():
    return path
  there = [file.name for file in path.parent.glob("*.py") if file.is_file()]
  near = alike(path.name, there)
  hint = f"; did you mean {near[0]}?" if near else "."
  article = "an" if kind[0] in "aeiou" else "a"
  raise InputError(f"{name}: no such file for {article} {kind} (looked for {path}){hint}")


def module_of(path: pathlib.Path) -> types.ModuleType:
  """The module in a person's own file; raises InputError, with the line, where that fails."""
  return _module(path, path.read_bytes())


@functools.cache
def _module(path: pathlib.Path, text: bytes) -> types.ModuleType:
  """The module in a file. One of the same text is made once: its functions stay the same ones."""
  # A name of its own, so that my_loss.py never hides a module that is installed.
  module = types.ModuleType(f"labse_jax_plugin.{path.stem}")
  module.__file__ = str(path)
  sys.modules[module.__name__] = module  # Dataclasses look their module up.
  try:
    exec(compile(text, path, "exec"), vars(module))
  except InputError:
    raise
  except SyntaxError as error:
    raise InputError(f"{path}:{error.lineno}: {error.msg}.") from error
  except Exception as error:
    raise InputError(where_it_failed(error, path)) from error
  return module


def where_it_failed(error: BaseException, path: pathlib.Path) -> str:
  """One line for an error that a person's own file raised: the file's line, kind and words."""
  frames = traceback.extract_tb(error.__traceback__)
  lines = [frame.lineno for frame in frames if frame.filename == str(path)]
  place = f"{path}:{lines[-1]}" if lines else path
  words = str(error).strip().split("\n")[0]
  return f"{place}: {type(error).__name__}: {words}"


def _is_own(value: object, module: types.ModuleType) -> bool:
  return callable(value) and getattr(value, "__module__", None) == module.__name__
