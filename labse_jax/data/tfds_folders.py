"""Folders of TFDS datasets, opened without running code that their files name.

TFDS imports the module of each class that a dataset names for its features, and `python -m` finds
modules in the current folder first: a dataset from elsewhere could bring code with it.
"""

from collections.abc import Iterator
import functools
import json
import pathlib
from typing import Any

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_json
from labse_jax.base.types import PathLike

# The keys that name a class: of the protocol buffer in both its spellings, and of older datasets.
_CLASS = ("pythonClassName", "python_class_name", "type")
# The keys of texts that are JSON themselves, and may name more classes.
_JSON = ("json", "content")


def open_folder(folder: PathLike) -> Any:
  """Returns the TFDS builder of a dataset's folder; raises InputError where it cannot be opened."""
  import tensorflow_datasets as tfds

  check_features(folder)
  try:
    return tfds.builder_from_directory(folder)
  except Exception as error:  # Whatever TFDS and protobuf raise on damaged files.
    reason = str(error).strip().partition("\n")[0]
    raise InputError(f"{folder}: TFDS cannot open this dataset ({reason}).") from error


def check_features(folder: PathLike) -> None:
  """Raises InputError where a dataset names a class that is no feature of TFDS itself."""
  features_path = pathlib.Path(folder) / "features.json"
  info_path = pathlib.Path(folder) / "dataset_info.json"
  _check(read_json(features_path, {}), features_path)
  # TFDS prefers these, though it writes none there.
  _check(read_json(info_path, {}).get("features"), info_path)


def _check(features: object, path: pathlib.Path) -> None:
  try:
    for name in _named_classes(features):
      if name not in _own_classes():
        raise InputError(
          f"{path}: names the Python class {name!r}, which is none of TFDS's own features. It is"
          " not imported, since code of a dataset is not run."
        )
  except (json.JSONDecodeError, RecursionError) as error:
    raise InputError(f"{path}: a text in it is no JSON ({error}).") from error


def _named_classes(features: object) -> Iterator[str]:
  """Yields the name of each class in the JSON of features, at any depth."""
  waiting = [features]
  while waiting:
    value = waiting.pop()
    if isinstance(value, list):
      waiting.extend(value)
    if not isinstance(value, dict):
      continue
    for key, part in value.items():
      if not isinstance(part, str):
        waiting.append(part)
      elif key in _CLASS:
        yield part
      elif key in _JSON:
        waiting.append(json.loads(part))


@functools.cache
def _own_classes() -> frozenset[str]:
  """The full names of TFDS's features, with those that they had in older versions."""
  from tensorflow_datasets import features

  names: set[str] = set()
  for feature in _subclasses_in(features, features.FeatureConnector):
    names.add(f"{feature.__module__}.{feature.__name__}")
    names.update(feature.ALIASES)
  return frozenset(names)


def _subclasses_in(module, base):
  classes = [value for value in vars(module).values() if isinstance(value, type)]
  return [value for value in classes if issubclass(value, base)]
