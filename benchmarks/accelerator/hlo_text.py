"""Reads a compiled program's text: its computations, their instructions and arrays.

In XLA's text a computation is a name with braces round its instructions, one a line:
`%name = type operation(%operand, ...), attribute=value, ...`
"""

from collections.abc import Iterator
import dataclasses
import functools
import math
import re
from typing import NamedTuple

COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+)(?: \(.*)? \{$")
ASSIGNMENT = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = ")
OPERATION = re.compile(r"\s*([\w\-]+)\(")
ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,]*)\](?:\{([^{}]*)\})?")
ELSEWHERE = re.compile(r"S\([1-9]\)")  # A memory on the chip itself, of a layout.
TILE = re.compile(r"T\(([\d,]+)\)")
BITS = {"pred": 8, "token": 0, "bf16": 16, "f16": 16, "f32": 32, "f64": 64, "c64": 64}
NOT_EXECUTED = {
  "after-all",
  "async-done",
  "bitcast",
  "constant",
  "get-tuple-element",
  "parameter",
  "partition-id",
  "tuple",
}


class Array(NamedTuple):
  """One array of a type, such as bf16[32,128]{1,0:T(8,128)}."""

  dtype: str
  dims: tuple[int, ...]
  layout: str

  def size(self, *, everywhere: bool = True) -> float:
    """Bytes, with the padding of its tiles; zero outside the main memory unless `everywhere`."""
    if not everywhere and ELSEWHERE.search(self.layout):
      return 0.0
    return math.prod(self.padded()) * bits_of(self.dtype) / 8

  def padded(self) -> list[int]:
    """The dimensions from the minor one on, rounded up to the layout's first tile."""
    order = [int(d) for d in self.layout.partition(":")[0].split(",") if d.strip().isdigit()]
    tile = TILE.search(self.layout)
    if not order or not tile:
      return list(self.dims)
    minor_first = [self.dims[d] for d in order]
    for place, multiple in enumerate(reversed(ints(tile[1]))):
      if place < len(minor_first):
        minor_first[place] = -(-minor_first[place] // multiple) * multiple
    return minor_first


@dataclasses.dataclass(frozen=True)
class Instruction:
  """One line of a computation; `rest` is what stands behind its operands."""

  name: str
  type: str
  operation: str
  operands: tuple[str, ...]
  inside: str  # What stands between the brackets.
  rest: str
  is_root: bool

  @functools.cached_property
  def arrays(self) -> list[Array]:
    """The arrays of its result; several of a tuple."""
    return arrays_of(self.type)

  @property
  def size(self) -> float:
    """Bytes of its result, wherever they lie."""
    return sum(array.size() for array in self.arrays)

  @property
  def main_size(self) -> float:
    """Bytes of its result in the main memory."""
    return sum(array.size(everywhere=False) for array in self.arrays)

  @property
  def op_name(self) -> str:
    """Where in the Python program it comes from; "" if it does not say."""
    found = re.search(r'op_name="([^"]*)"', self.rest)
    return found[1] if found else ""

  def named(self, *attributes: str) -> str | None:
    """The computation that one of its attributes names."""
    found = re.search(rf"(?:{'|'.join(attributes)})=%?([\w.\-]+)", self.rest)
    return found and found[1]


Computation = dict[str, Instruction]


@dataclasses.dataclass(frozen=True)
class Executed:
  """An instruction that costs time, and how often a run of the program executes it."""

  instruction: Instruction
  computation: Computation
  times: int


@dataclasses.dataclass(frozen=True)
class Program:
  computations: dict[str, Computation]
  entry: str

  def fused(self, instruction: Instruction) -> Computation | None:
    """The computation inside a fusion."""
    if instruction.operation != "fusion":
      return None
    return self.computations.get(instruction.named("calls"))

  def executed(self, *, commands: bool = False) -> Iterator[Executed]:
    """What a run executes, loops as often as they turn; of a condition its first branch.

    With `commands` also what a GPU starts by a command buffer or asynchronously.
    """
    yield from self._inside(self.entry, 1, commands)

  def _inside(self, name: str, times: int, commands: bool) -> Iterator[Executed]:
    computation = self.computations[name]
    for instruction in computation.values():
      operation = instruction.operation
      if operation in NOT_EXECUTED:
        continue
      inner, turns = self._called(instruction, commands)
      if inner:
        yield from self._inside(inner, times * turns, commands)
      elif operation not in ("while", "call", "conditional"):
        yield Executed(instruction, computation, times)

  def _called(self, instruction: Instruction, commands: bool) -> tuple[str | None, int]:
    """(the computation that an instruction only starts, how often it does)."""
    operation = instruction.operation
    if operation == "while":
      return instruction.named("body"), self.turns(instruction)
    if operation == "conditional":
      return first_branch(instruction), 1
    by_command = operation == "async-start" or operation.startswith("command")
    if operation == "call" or (commands and by_command):
      return instruction.named("to_apply", "calls"), 1
    return None, 1

  def turns(self, instruction: Instruction) -> int:
    """How often a loop turns: as XLA says, else as its condition compares; 1 if neither does."""
    said = re.search(r'known_trip_count\\?":\s*\{\\?"n\\?":\\?"(\d+)', instruction.rest)
    if said:
      return int(said[1])
    for inner in self.computations[instruction.named("condition")].values():
      if inner.operation == "constant" and inner.inside.strip().isdigit():
        return int(inner.inside)
    return 1


def parse(text: str) -> Program:
  """The program of a compiled executable's `as_text()`."""
  computations = {}
  entry = None
  current = None
  for line in text.splitlines():
    head = COMPUTATION.match(line)
    if head:
      current = computations[head[2]] = {}
      if head[1]:
        entry = head[2]
      continue
    instruction = instruction_of(line) if current is not None else None
    if instruction:
      current[instruction.name] = instruction
  return Program(computations, entry)


def instruction_of(line: str) -> Instruction | None:
  """The instruction that a line holds; None if it holds none."""
  begin = ASSIGNMENT.match(line)
  if not begin:
    return None
  text = line[begin.end() :]
  type_end = closing(text, 0) if text.startswith("(") else re.match(r"\S+", text).end()
  operation = OPERATION.match(text, type_end)
  if not operation:
    return None
  end = closing(text, operation.end() - 1)
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


def closing(text: str, start: int) -> int:
  """The place behind the bracket that closes the one at `start`."""
  depth = 0
  for bracket in re.compile(r"[()]").finditer(text, start):
    depth += 1 if bracket[0] == "(" else -1
    if depth == 0:
      return bracket.end()
  raise ValueError(f"A bracket is never closed: {text[start : start + 80]}")


def first_branch(instruction: Instruction) -> str | None:
  """The first computation that a condition chooses from."""
  branches = re.search(r"branch_computations=\{%?([\w.\-]+)", instruction.rest)
  return branches[1] if branches else instruction.named("true_computation")


def arrays_of(type_text: str) -> list[Array]:
  """The arrays of a type's text; what has no known size is left out."""
  found = ARRAY.findall(type_text)
  return [
    Array(dtype, tuple(ints(dims)), layout)
    for dtype, dims, layout in found
    if bits_of(dtype) is not None
  ]


def bits_of(dtype: str) -> int | None:
  """The bits of a number; None for what is no type of numbers."""
  if dtype in BITS:
    return BITS[dtype]
  integer = re.fullmatch(r"[su](\d+)", dtype)
  return int(integer[1]) if integer else None


def ints(text: str) -> list[int]:
  """The numbers of "8,128"."""
  return [int(number) for number in text.split(",") if number]
