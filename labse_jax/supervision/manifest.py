"""Manifests: what says of a folder of results which model, text and settings they are of."""

from collections.abc import Mapping, Sequence
import hashlib
import json
import pathlib
from typing import Any

from labse_jax.base import files
from labse_jax.base.errors import InputError

NAME = "manifest.json"
# In what results differ from those that are asked for: "was made by another model".
DIFFERENCES = {
  "model": "by another model",
  "prompt": "with another prompt",
  "data": "from another text",
  "pairs": "from another number of pairs",
  "width": "with vectors of another width",
  "shard": "in files of another size",
  "margin": "with another margin",
  "candidates": "among another number of candidates",
  "step": "at another step",
}


def folder_name(values: Sequence[object]) -> str:
  """A short hash of a list of JSON values: results of other values lie in another folder."""
  return hashlib.blake2b(json.dumps(values).encode(), digest_size=8).hexdigest()


def read_checked(folder: pathlib.Path, about: Mapping[str, object], advice: str) -> dict[str, Any]:
  """Reads the manifest of a folder, which must say what `about` says; it may say more.

  Raises InputError, with `advice` on what to do, where a value is another.
  """
  manifest = files.read_json(folder / NAME)
  for name, wanted in about.items():
    found = manifest.get(name)
    if found != wanted:
      raise InputError(
        f"{folder}: was made {DIFFERENCES[name]} ({name} is {found!r} in its {NAME}, "
        f"{wanted!r} is asked for); {advice}"
      )
  return manifest
