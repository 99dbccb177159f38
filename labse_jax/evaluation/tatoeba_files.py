"""Files in the layout of LASER's Tatoeba test set."""

import pathlib
import re

from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.evaluation.suite_files import read_aligned


def languages_in(data: PathLike) -> list[str]:
  """The languages with a file in a folder of LASER's layout, sorted."""
  data = pathlib.Path(data)
  if not data.is_dir():
    raise InputError(f"{data}: no such folder; it should hold tatoeba.XXX-eng.XXX and .eng files.")
  found = set()
  for path in data.iterdir():
    name = re.fullmatch(r"tatoeba\.(.+)-eng\.(.+)", path.name)
    # Either side will do, so that reading can name the side that is missing.
    if name and name[2] in (name[1], "eng"):
      found.add(name[1])
  if not found:
    raise InputError(f"{data}: holds no file named tatoeba.XXX-eng.XXX.")
  return sorted(found)


def read_pairs(data: PathLike, language: str) -> tuple[list[str], list[str]]:
  """The aligned (foreign, English) sentences of a language."""
  stem = pathlib.Path(data) / f"tatoeba.{language}-eng"
  return read_aligned(f"{stem}.{language}", f"{stem}.eng")
