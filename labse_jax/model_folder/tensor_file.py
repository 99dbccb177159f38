"""Safetensors, of one file or several: read straight into place, and every tensor accounted for."""

import abc
from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import json
import math
import pathlib
import re
from typing import Generic, TypeVar

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from labse_jax.base.errors import InputError, listed
from labse_jax.base.files import read_json

FLOATS: dict[str, type[np.generic]] = {
  "F32": np.float32,
  "F16": np.float16,
  "BF16": ml_dtypes.bfloat16,
}
DTYPES = FLOATS | {"I8": np.int8}
BLOCK = 1 << 24  # Values that are converted at a time.
ALIGNMENT = 64  # In bytes. JAX takes an array of the host without a copy where it begins so.
OVERSIZE = 8  # A model that is so many times its file has a wrong config, and may fit no memory.


def aligned(shape: Sequence[int], dtype: DTypeLike = np.float32) -> np.ndarray:
  """An uninitialised array that a CPU device of JAX can use in place."""
  size = math.prod(shape) * np.dtype(dtype).itemsize
  raw = np.empty(size + ALIGNMENT, np.uint8)
  start = -raw.ctypes.data % ALIGNMENT
  return raw[start : start + size].view(dtype).reshape(shape)


@dataclasses.dataclass(frozen=True)
class Stored:
  """What is known of a tensor before it is read."""

  shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Place(Stored):
  """Where a tensor lies: in which file, from which byte on; and its safetensors type."""

  path: pathlib.Path
  start: int
  kind: str


S = TypeVar("S", bound=Stored)


class TensorSource(abc.ABC, Generic[S]):
  """The tensors of a model by their names; `path` is for messages.

  `fill(name, out)` reads one into an array of float32. `finish` raises for the tensors that were
  missing, had another shape, or were never asked for; one message names them all.
  """

  def __init__(self, path: pathlib.Path) -> None:
    self.path = path
    self.places: dict[str, S] = {}
    self.missing: list[str] = []
    self.taken: set[str] = set()
    self.wrong: list[str] = []

  def __contains__(self, name: str) -> bool:
    return name in self.places

  def __iter__(self) -> Iterator[str]:
    return iter(self.places)

  def check_size(self, count: int) -> None:
    """Raises InputError for far more values than the files hold, before they are allocated."""
    held = sum(math.prod(place.shape) for place in self.places.values())
    if count > OVERSIZE * max(held, 1):
      raise InputError(f"{self.path}: holds {held:,} values; config.json asks for {count:,}.")

  @abc.abstractmethod
  def fill(self, name: str, out: np.ndarray) -> np.ndarray:
    """Writes the tensor into the float32 array `out`, whose shape it must have; returns `out`."""

  def finish(self, unused: re.Pattern[str] | None = None) -> None:
    """Raises InputError unless every tensor was taken and fits.

    A tensor may be left over where `unused` matches its name.
    """
    left = sorted(self.places.keys() - self.taken)
    if unused is not None:
      left = [name for name in left if not unused.fullmatch(name)]
    problems = []
    if self.wrong:
      problems.append(f"misshapen: {listed(self.wrong)}")
    if self.missing:
      problems.append(f"missing: {listed(self.missing)}")
    if left:
      problems.append(f"not of this model: {listed(left)}")
    if problems:
      raise InputError(f"{self.path}: the tensors do not fit config.json; {'; '.join(problems)}.")


class Tensors(TensorSource[Place]):
  """The tensors of `folder`/model.safetensors, or of the shards that its index names."""

  def __init__(self, folder: pathlib.Path) -> None:
    super().__init__(folder / "model.safetensors")
    index = folder / "model.safetensors.index.json"
    if self.path.is_file() or not index.is_file():
      self._open(self.path)
    else:
      self.path = index
      for name in _shards(index):
        self._open(folder / name)

  def _open(self, path):
    if not path.is_file():
      raise InputError(_no_file(path))
    try:
      safe_open(path, framework="numpy").__exit__(None, None, None)  # The library's own checks.
    except (SafetensorError, OSError) as error:
      raise InputError(f"{path}: damaged safetensors file ({error}).") from error
    with open(path, "rb") as file:
      size = int.from_bytes(file.read(8), "little")
      header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    for name, entry in header.items():
      if name in self.places:
        raise InputError(f"{path}: the tensor {name} is also in {self.places[name].path}.")
      start = 8 + size + entry["data_offsets"][0]
      self.places[name] = Place(tuple(entry["shape"]), path, start, entry["dtype"])

  def dtype(self, name: str) -> str:
    """The stored type's name, as float16."""
    kind = self.places[name].kind
    return np.dtype(DTYPES[kind]).name if kind in DTYPES else kind

  def fill(self, name: str, out: np.ndarray, kinds: Sequence[str] = tuple(FLOATS)) -> np.ndarray:
    """As in TensorSource; the tensor's safetensors type must be one of `kinds`."""
    if name not in self.places:
      self.missing.append(name)
      return out
    self.taken.add(name)
    place = self.places[name]
    if place.shape != out.shape or place.kind not in kinds:
      self.wrong.append(f"{name} is {place.kind} {place.shape}; {kinds[0]} {out.shape} is needed")
    elif out.flags.c_contiguous:
      _read(place, out)
    else:
      # Bytes can only be read into memory that has no gaps.
      whole = np.empty(place.shape, np.float32)
      _read(place, whole)
      out[...] = whole
    return out


def _read(place, out):
  """Reads a tensor into `out`, contiguous and float32."""
  flat = out.reshape(-1)
  dtype = DTYPES[place.kind]
  with open(place.path, "rb") as file:
    file.seek(place.start)
    if dtype == np.float32:
      got = file.readinto(memoryview(flat).cast("B")) // 4
    else:
      # Block by block, so that a big table is not in memory twice.
      got = 0
      for first in range(0, len(flat), BLOCK):
        part = np.fromfile(file, dtype, min(BLOCK, len(flat) - first))
        flat[first : first + len(part)] = part
        got += len(part)
  if got != len(flat):
    raise InputError(f"{place.path}: ends in the middle of a tensor.")


def save(tensors: Mapping[str, np.ndarray], path: pathlib.Path) -> None:
  """Writes a safetensors file as PyTorch's users expect it, with the usual file permissions."""
  path.touch()
  mode = path.stat().st_mode
  contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
  save_file(contiguous, path, metadata={"format": "pt"})
  path.chmod(mode)  # The library makes a file that only its owner may read.


def _no_file(path):
  pickled = path.with_name("pytorch_model.bin")
  if not pickled.is_file():
    return f"{path}: no such file."
  return (
    f"{pickled}: is a pickle, which may run any code; convert it once with transformers: "
    "AutoModel.from_pretrained(FOLDER).save_pretrained(FOLDER), or, with all its modules, "
    "SentenceTransformer(FOLDER).save(NEW_FOLDER)."
  )


def _shards(index):
  weight_map = read_json(index).get("weight_map")
  if not isinstance(weight_map, dict):
    raise InputError(f"{index}: is no index of safetensors files (it has no weight_map).")
  for name in weight_map.values():
    if not isinstance(name, str) or pathlib.PurePath(name).name != name:
      raise InputError(f"{index}: names {name!r}; a file in the same folder is needed.")
  return sorted(set(weight_map.values()))
