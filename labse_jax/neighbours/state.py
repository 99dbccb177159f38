"""What a long search has found so far, on disk, so that one that was killed goes on."""

from collections.abc import Callable, Sequence
import contextlib
import hashlib
import json
import pathlib
import time
from typing import Any
import zipfile

import numpy as np

from labse_jax.base import files
from labse_jax.base.console import note
from labse_jax.base.types import PathLike
from labse_jax.neighbours.lists import Nearest

FILE = "search.npz"
SECONDS = 60  # Between two writings, at least.
PART = 8192  # Vectors that are read at a time.


class SearchState:
  """Keeps the lists of a search of `sides` in FOLDER/search.npz; a folder of None keeps nothing.

  `settings` are whatever else the lists depend on, as JSON can hold it.
  """

  def __init__(self, folder: PathLike | None, sides: Sequence[np.ndarray], **settings: Any) -> None:
    self._path: pathlib.Path | None = None
    if folder:
      self._path = pathlib.Path(folder) / FILE
      self._path.parent.mkdir(parents=True, exist_ok=True)
      self._of = json.dumps(settings | {"sides": [fingerprint(side) for side in sides]})
    self._written = time.monotonic()

  def read(self) -> tuple[int, list[Nearest] | None]:
    """Returns (candidates that were seen, the lists of each side); (0, None) to begin."""
    if not self._path or not self._path.exists():
      return 0, None
    # A broken file is treated as one of another search.
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
      with np.load(self._path) as kept:
        if str(kept["of"]) == self._of:
          lists = [kept[f"list_{n}"] for n in range(int(kept["lists"]))]
          return int(kept["seen"]), list(zip(lists[::2], lists[1::2], strict=True))
    note(f"{self._path}: belongs to another search; starting over.")
    return 0, None

  def write(self, seen: int, found: Callable[[], Sequence[Nearest]]) -> None:
    """Keeps the lists of each side, which `found()` gives, at most once in SECONDS."""
    if not self._path or time.monotonic() < self._written + SECONDS:
      return
    # Of arrays; but to a type checker each name could be an option of np.savez.
    lists: dict[str, Any] = {}
    for scores, ids in found():
      lists[f"list_{len(lists)}"] = scores
      lists[f"list_{len(lists)}"] = ids
    with files.replacing(self._path, "wb") as file:
      np.savez(file, of=self._of, seen=seen, lists=len(lists), **lists)
    self._written = time.monotonic()

  def remove(self) -> None:
    """Removes the file, and the folder too if it holds nothing else."""
    if self._path:
      for path in self._path.parent.glob(FILE + "*"):
        path.unlink()
      with contextlib.suppress(OSError):
        self._path.parent.rmdir()


def fingerprint(vectors_ND: np.ndarray) -> str:
  """A hash of the numbers, the shape and the type."""
  digest = hashlib.blake2b(f"{vectors_ND.dtype} {vectors_ND.shape}".encode(), digest_size=16)
  for start in range(0, len(vectors_ND), PART):
    digest.update(np.ascontiguousarray(vectors_ND[start : start + PART]).data)
  return digest.hexdigest()
