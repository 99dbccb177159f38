"""Safetensors, of one file or several: read straight into place, and every tensor accounted for."""

import json
import math
import pathlib

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_json

FLOATS = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}
DTYPES = FLOATS | {"I8": np.int8}
BLOCK = 1 << 24  # Values that are converted at a time.
ALIGNMENT = 64  # JAX takes an array of the host as it is, without a copy, where it begins so.
OVERSIZE = 8  # A model that is so many times its file is a wrong config, and may fit no memory.
ALL_NAMED = 12  # Of a list of names longer than this, the first.


def aligned(shape, dtype=np.float32):
  """An uninitialised array that a CPU device of JAX can use in place."""
  size = math.prod(shape) * np.dtype(dtype).itemsize
  raw = np.empty(size + ALIGNMENT, np.uint8)
  start = -raw.ctypes.data % ALIGNMENT
  return raw[start : start + size].view(dtype).reshape(shape)


class Tensors:
  """The tensors of `folder`/model.safetensors, or of the shards that its index names.

  `fill(name, out)` reads one into an array of float32; `finish` raises for what was missing, was of
  another shape, or was never asked for. All three are said together.
  """

  def __init__(self, folder):
    self.path, self.places = folder / "model.safetensors", {}
    index = folder / "model.safetensors.index.json"
    if self.path.is_file() or not index.is_file():
      self._open(self.path)
    else:
      self.path = index
      for name in _shards(index):
        self._open(folder / name)
    self.missing, self.taken, self.wrong = [], set(), []

  def __contains__(self, name):
    return name in self.places

  def __iter__(self):
    return iter(self.places)

  def _open(self, path):
    if not path.is_file():
      pickled = path.with_name("pytorch_model.bin")
      raise InputError(
        f"{pickled}: is a pickle, which may run any code; convert it once with transformers: "
        "AutoModel.from_pretrained(FOLDER).save_pretrained(FOLDER), or, with all its modules, "
        "SentenceTransformer(FOLDER).save(NEW_FOLDER)."
        if pickled.is_file()
        else f"{path}: no such file."
      )
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
        raise InputError(f"{path}: the tensor {name} is also in {self.places[name][0]}.")
      start = 8 + size + entry["data_offsets"][0]
      self.places[name] = (path, start, entry["dtype"], tuple(entry["shape"]))

  def check_size(self, count):
    """Raises InputError for far more values than the files hold, before they are allocated."""
    held = sum(math.prod(place[-1]) for place in self.places.values())
    if count > OVERSIZE * max(held, 1):
      raise InputError(f"{self.path}: holds {held:,} values; config.json asks for {count:,}.")

  def dtype(self, name):
    """The stored type's name, as float16; None where there is no such tensor."""
    kind = self.places[name][2] if name in self.places else None
    return np.dtype(DTYPES[kind]).name if kind in DTYPES else kind

  def fill(self, name, out, kinds=tuple(FLOATS)):
    """Writes the tensor into the float32 array `out`, whose shape it must have; returns `out`."""
    if name not in self.places:
      self.missing.append(name)
      return out
    self.taken.add(name)
    path, start, kind, shape = self.places[name]
    if shape != out.shape or kind not in kinds:
      self.wrong.append(f"{name} is {kind} {shape}; {kinds[0]} {out.shape} is needed")
    elif out.flags.c_contiguous:
      self._read(path, start, DTYPES[kind], out)
    else:
      out[...] = self._read(path, start, DTYPES[kind], np.empty(shape, np.float32))
    return out

  def _read(self, path, start, dtype, out):
    flat = out.reshape(-1)
    with open(path, "rb") as file:
      file.seek(start)
      if dtype == np.float32:
        got = file.readinto(memoryview(flat).cast("B")) // 4
      else:
        got = 0
        for first in range(0, len(flat), BLOCK):
          part = np.fromfile(file, dtype, min(BLOCK, len(flat) - first))
          flat[first : first + len(part)] = part
          got += len(part)
    if got != len(flat):
      raise InputError(f"{path}: ends in the middle of a tensor.")
    return out

  def finish(self, unused=lambda name: False):
    """Raises InputError, listing them, unless every tensor fitted, but for those `unused` names."""
    left = sorted(n for n in self.places.keys() - self.taken if not unused(n))
    said = [("misshapen", self.wrong), ("missing", self.missing), ("not of this model", left)]
    said = [f"{what}: {_listed(names)}" for what, names in said if names]
    if said:
      raise InputError(f"{self.path}: the tensors do not fit config.json; {'; '.join(said)}.")


def save(tensors, path):
  """Writes a safetensors file as PyTorch's users expect it, for those who may read its folder."""
  path.touch()
  mode = path.stat().st_mode
  contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
  save_file(contiguous, path, metadata={"format": "pt"})
  path.chmod(mode)  # The library leaves it to its owner alone.


def _listed(names):
  more = f" and {len(names) - ALL_NAMED} more" if len(names) > ALL_NAMED else ""
  return ", ".join(names[:ALL_NAMED]) + more


def _shards(index):
  weight_map = read_json(index).get("weight_map")
  if not isinstance(weight_map, dict):
    raise InputError(f"{index}: is no index of safetensors files (it has no weight_map).")
  for name in weight_map.values():
    if not isinstance(name, str) or pathlib.PurePath(name).name != name:
      raise InputError(f"{index}: names {name!r}; a file in the same folder is needed.")
  return sorted(set(weight_map.values()))
