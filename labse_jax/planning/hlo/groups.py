"""Which chips take part in a collective, from the ways in which a program's text writes it."""

import math
import re

import numpy as np

from labse_jax.planning.hlo.text import integers

ORDER = r"\[([\d,]+)\](?:T\(([\d,]+)\))?"
EXPLICIT = re.compile(r"\breplica_groups=\{\{([\d,]*)\}")
IOTA = re.compile(rf"\breplica_groups=\[\d+,(\d+)\]<={ORDER}")
MESH = re.compile(r"\breplica_groups=mesh\[([^\]]*)\](.*?)\{('[^}]*)\}")
PAIRS = re.compile(r"\bsource_target_pairs=\{(\{[\d,{}]*\})\}")


def first_group(rest: str, devices: int) -> tuple[int, ...]:
  """The chips of the first group, in ascending order, from the attributes of a collective.

  `{{0,1},{2,3}}`, `[2,4]<=[8]` or `mesh['a'=4,'b'=2] {'a'}`. Of a permute it is the chips that are
  joined to the first one by those to which they send. Where no groups are written, all take part.
  """
  explicit = EXPLICIT.search(rest)
  if explicit:
    return tuple(sorted(integers(explicit[1])))
  iota = IOTA.search(rest)
  if iota:
    ids = _ordered(iota[2], iota[3])
    return _ascending(ids.ravel()[: int(iota[1])])
  mesh = MESH.search(rest)
  if mesh:
    return _of_mesh(mesh[1], mesh[2], mesh[3])
  pairs = PAIRS.search(rest)
  if pairs:
    return _joined(np.array(integers(re.sub(r"[{}]", "", pairs[1]))).reshape(-1, 2))
  return tuple(range(devices))


def _ordered(dims: str, transposed: str | None) -> np.ndarray:
  """The numbers from 0 on in an array of these dimensions, which are then transposed."""
  shape = integers(dims)
  ids = np.arange(math.prod(shape)).reshape(shape)
  return ids.transpose(integers(transposed)) if transposed else ids


def _of_mesh(axes: str, order: str, taking_part: str) -> tuple[int, ...]:
  """`'a'=4,'b'=2`, `, device_ids=([2,4]T(1,0))` or nothing, and `'a'` or of a part `'a':(2)4`."""
  parts: dict[str, list[tuple[int, int]]] = {}
  for axis, before, size in re.findall(r"'([^']+)'(?::\((\d+)\)(\d+))?", taking_part):
    parts.setdefault(axis, []).append((int(before or 1), int(size or 0)))
  shape = []
  chosen: list[slice | int] = []
  for axis, text in re.findall(r"'([^']+)'=(\d+)", axes):
    whole = int(text)
    done = 1
    for before, size in sorted(parts.get(axis, [])):
      size = size or whole
      shape += [before // done, size]
      chosen += [0, slice(None)]
      done = before * size
    shape.append(whole // done)
    chosen.append(0)
  said = re.search(ORDER, order)
  ids = _ordered(said[1], said[2]) if said else np.arange(math.prod(shape))
  return _ascending(ids.reshape(shape)[tuple(chosen)])


def _joined(pairs: np.ndarray) -> tuple[int, ...]:
  """The chips that pairs of sender and receiver join to the first pair's."""
  group = set(pairs[0].tolist())
  while True:
    touched = np.isin(pairs, list(group)).any(axis=1)
    grown = group | set(pairs[touched].ravel().tolist())
    if grown == group:
      return tuple(sorted(group))
    group = grown


def _ascending(ids: np.ndarray) -> tuple[int, ...]:
  return tuple(sorted(ids.ravel().tolist()))
