"""Reads a compiled program's text (HLO): its computations, their instructions and arrays.

In XLA's text a computation is a name with braces round its instructions, one a line:
`%name = type operation(%operand, ...), attribute=value, ...`
"""

from collections.abc import Iterator, Mapping
import dataclasses
import functools
import math
import re
from typing import NamedTuple

COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+)(?: \(.*)? \{$")
ASSIGNMENT = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = ")
OPERATION = re.compile(r"\s*([\w\-]+)\(")
ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,]*)\](?:\{([^{}]*)\})?")
ON_CHIP = re.compile(r"S\([1-9]\)")  # Of a layout: not the main memory, but one on the chip.
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
TILE = re.compile(r"T\(([\d,]+)\)")
NAMED = r"(?:\{([^{}]*)\}|%?([\w.\-]+))"  # Several in braces, or one.
BITS = {"pred": 8, "token": 0, "opaque": 0}


class Array(NamedTuple):
  """One array of a type, such as bf16[32,128]{1,0:T(8,128)}."""

  dtype: str
  dims: tuple[int, ...]
  layout: str

  @property
  def size(self) -> int:
    """Bytes of its numbers alone."""
    return math.ceil(math.prod(self.dims) * self.bits / 8)

  @property
  def padded_size(self) -> float:
    """Bytes with the padding of its tiles."""
    return math.prod(self._padded()) * self.bits / 8

  @property
  def main_size(self) -> float:
    """Bytes with padding in the main memory; 0 for an array that lies on the chip."""
    return 0.0 if ON_CHIP.search(self.layout) else self.padded_size

  @property
  def bits(self) -> int:
    """The bits of one number: "f32" and most other types say it."""
    if self.dtype in BITS:
      return BITS[self.dtype]
    found = re.search(r"\d+", self.dtype)
    if found is None:
      raise ValueError(f"Of the type {self.dtype!r} no size is known.")
    return int(found[0])

  def _padded(self) -> list[int]:
    """The dimensions from the minor one on, rounded up to the layout's first tile."""
    order = [int(dim) for dim in self.layout.partition(":")[0].split(",") if dim.isdigit()]
    tile = TILE.search(self.layout)
    if not order or not tile:
      return list(self.dims)
    minor_first = [self.dims[dim] for dim in order]
    for place, multiple in enumerate(reversed(integers(tile[1]))):
      if place < len(minor_first):
        minor_first[place] = -(-minor_first[place] // multiple) * multiple
    return minor_first


@dataclasses.dataclass(frozen=True)
class Instruction:
  """One line of a computation; `inside` is between its brackets, `rest` behind them."""

  name: str
  type: str
  operation: str
  operands: tuple[str, ...]
  inside: str
  rest: str
  is_root: bool

  @functools.cached_property
  def arrays(self) -> list[Array]:
    """The arrays of its type, also those in tuples."""
    return arrays_of(self.type)

  @property
  def main_size(self) -> float:
    """Bytes of its result in the main memory."""
    return sum(array.main_size for array in self.arrays)

  @property
  def padded_size(self) -> float:
    """Bytes of its result, wherever they lie."""
    return sum(array.padded_size for array in self.arrays)

  @property
  def op_name(self) -> str:
    """Where in the Python program it comes from; "" if it does not say."""
    found = re.search(r'op_name="([^"]*)"', self.rest)
    return found[1] if found else ""

  @property
  def target(self) -> str:
    """Which kernel a custom call calls; "" for what is no custom call."""
    found = re.search(r'custom_call_target="([^"]*)"', self.rest)
    return found[1] if found else ""

  def named(self, *attributes: str) -> list[str]:
    """The computations that some of its attributes name."""
    found = re.findall(rf"\b(?:{'|'.join(attributes)})={NAMED}", self.rest)
    return [name.strip().lstrip("%") for many, one in found for name in (many or one).split(",")]


Computation = Mapping[str, Instruction]


def parse(text: str) -> tuple[dict[str, dict[str, Instruction]], str]:
  """Returns ({name of a computation: its instructions}, the name of the one that runs first)."""
  computations: dict[str, dict[str, Instruction]] = {}
  entry = ""
  current: dict[str, Instruction] = {}
  for line in _whole_lines(text):
    head = COMPUTATION.match(line)
    if head:
      current = computations[head[2]] = {}
      if head[1]:
        entry = head[2]
      continue
    begin = ASSIGNMENT.match(line)
    if begin:
      current[begin[2]] = _instruction(begin, line[begin.end() :])
  return computations, entry


def _whole_lines(text: str) -> Iterator[str]:
  """The lines of a program; of an instruction that is broken into several, all of them as one.

  libtpu breaks the attributes of Pallas's kernels, and of instructions that come from them.
  """
  held = ""
  for line in text.splitlines():
    held += line
    if ASSIGNMENT.match(held) and _is_open(held):
      continue
    yield held
    held = ""
  if held:
    raise ValueError(f"A brace is never closed: {held[:80]!r}")


def _is_open(line: str) -> bool:
  """Whether a brace outside of strings is not closed yet."""
  bare = STRING.sub("", line)
  return bare.count("{") > bare.count("}")


def _instruction(begin: re.Match[str], text: str) -> Instruction:
  """An instruction from the match of its name and what stands behind it."""
  type_end = _closing(text, 0) if text.startswith("(") else text.index(" ")
  operation = OPERATION.match(text, type_end)
  if operation is None:
    raise ValueError(f"No operation in {text[:80]!r}.")
  end = _closing(text, operation.end() - 1)
  inside = text[operation.end() : end - 1]
  return Instruction(
    name=begin[2],
    type=text[:type_end],
    operation=operation[1],
    operands=tuple(re.findall(r"%([\w.\-]+)", inside)),
    inside=inside,
    rest=text[end:],
    is_root=begin[1] is not None,
  )


def _closing(text: str, start: int) -> int:
  """The place behind the bracket that closes the one at `start`."""
  depth = 0
  for bracket in re.compile(r"[()]").finditer(text, start):
    depth += 1 if bracket[0] == "(" else -1
    if depth == 0:
      return bracket.end()
  raise ValueError(f"A bracket is never closed: {text[start : start + 80]!r}")


def elements(type_text: str) -> list[str]:
  """The elements of a tuple's type; a type that is no tuple is its own one element."""
  if not type_text.startswith("("):
    return [type_text]
  found = []
  depth = 0
  begin = 1
  for place, letter in enumerate(type_text):
    if letter in "([{":
      depth += 1
    elif letter in ")]}":
      depth -= 1
    if (letter == "," and depth == 1) or depth == 0:
      found.append(type_text[begin:place].strip())
      begin = place + 1
  return found


def arrays_of(type_text: str) -> list[Array]:
  """The arrays of a type's text."""
  found = ARRAY.findall(type_text)
  return [Array(dtype, tuple(integers(dims)), layout) for dtype, dims, layout in found]


def integers(text: str) -> list[int]:
  """The numbers of "8,128"."""
  return [int(number) for number in text.split(",") if number]
