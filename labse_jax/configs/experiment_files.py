"""Experiments by their paths: as given, or beside the package from wherever a command runs."""

import pathlib

from labse_jax.base.errors import InputError, alike, listed
from labse_jax.base.types import PathLike

PACKAGE = pathlib.Path(__file__).parents[1]
# In an installed wheel they lie within the package, in a clone beside it.
FOLDERS = (PACKAGE / "experiments", PACKAGE.parent / "experiments")


def located(path: PathLike) -> pathlib.Path:
  """The file of an experiment: `path` where it exists, else one that came with labse_jax.

  "experiments/quickstart.py", "quickstart.py" and "quickstart" name the same. Raises InputError,
  with the nearest of the experiments, where there is none.
  """
  own = pathlib.Path(path).expanduser()
  if own.is_file():
    return own
  name = _without_folder(own)
  if not name.name:
    raise InputError(f"{path!r} names no config file; {_those_there()}")
  for folder in FOLDERS:
    if not own.is_absolute() and (folder / name).is_file():
      return folder / name
  raise InputError(_absent(path, name))


def names() -> list[str]:
  """The experiments that came with labse_jax, such as "experiments/labse/paper.py"."""
  found = set()
  for folder in FOLDERS:
    for file in folder.rglob("*.py"):
      if file.is_file() and not file.name.startswith("_"):
        found.add(file.relative_to(folder.parent).as_posix())
  return sorted(found)


def _without_folder(path: pathlib.Path) -> pathlib.PurePath:
  """A path as it would stand in the folder of the experiments."""
  parts = path.parts[1:] if path.parts[:1] == ("experiments",) else path.parts
  name = pathlib.PurePath(*parts)
  return name if name.suffix or not name.name else name.with_name(name.name + ".py")


def _absent(path: PathLike, name: pathlib.PurePath) -> str:
  places = [f"{folder}/" for folder in FOLDERS if folder.is_dir()]
  where = " and ".join(["the folder that you are in", *places])
  by_name = {pathlib.PurePath(one).name: one for one in names()}
  near = alike(name.name, by_name)
  hint = f"did you mean {by_name[near[0]]}?" if near else _those_there()
  return f"{path}: no such config file in {where}; {hint}"


def _those_there() -> str:
  return f"there are {listed(names())}."
