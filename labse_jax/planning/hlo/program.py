"""What a compiled program executes, and how often."""

import dataclasses
import functools
import math
import re

from labse_jax.planning.hlo.text import Computation, Instruction, parse

# These cost nothing, or stand for values that something else made.
NOT_EXECUTED = {
  "after-all",
  "bitcast",
  "constant",
  "get-tuple-element",
  "parameter",
  "partition-id",
  "replica-id",
  "tuple",
}
BRANCHES = ("branch_computations", "true_computation", "false_computation")


@dataclasses.dataclass(frozen=True)
class Executed:
  """An instruction that costs something, and how often one run of the program executes it.

  `place` holds the names of the loops and calls around it, the outermost first. `known` is false
  in a loop whose length the text does not tell; such a loop counts once.
  """

  instruction: Instruction
  computation: Computation
  times: int
  known: bool
  place: tuple[str, ...]


class Program:
  """The computations of a compiled executable's `as_text()`; the program starts at `entry`."""

  def __init__(self, text: str) -> None:
    self.computations, self.entry = parse(text)
    head = text.partition("\n")[0]
    counts = re.findall(r"\b(?:num_partitions|replica_count)=(\d+)", head)
    self.devices = math.prod(map(int, counts))

    # What is started here, and awaited by an async-done.
    self.asynchronous = {
      name
      for computation in self.computations.values()
      for name, one in computation.items()
      if one.operation == "async-start"
    }

  def fused(self, instruction: Instruction) -> Computation:
    """The computation inside a fusion; empty for what is no fusion."""
    if instruction.operation != "fusion":
      return {}
    return self.computations[instruction.named("calls")[0]]

  def within(self, instruction: Instruction) -> list[Instruction]:
    """The instruction itself, and those inside a fusion, also of fusions in it."""
    found = [instruction]
    for inner in self.fused(instruction).values():
      found += self.within(inner)
    return found

  @functools.cached_property
  def executed(self) -> list[Executed]:
    """What one run executes, in the order of the text, which is that of the compiler's schedule."""
    return self._executed(self.entry, 1, True, ())

  def _executed(self, name: str, times: int, known: bool, place: tuple[str, ...]) -> list[Executed]:
    found = []
    computation = self.computations[name]
    for instruction in computation.values():
      if instruction.operation in NOT_EXECUTED:
        continue
      inner = self._called(instruction)
      if inner is None:
        found.append(Executed(instruction, computation, times, known, place))
        continue
      trips = self.trips(instruction, computation) if instruction.operation == "while" else 1
      inner_known = known and trips is not None
      found += self._executed(inner, times * (trips or 1), inner_known, (*place, instruction.name))
    return found

  def _called(self, instruction: Instruction) -> str | None:
    """The computation that an instruction only starts."""
    operation = instruction.operation
    if operation == "while":
      return instruction.named("body")[0]
    if operation == "conditional":
      # One branch runs. Which one is not known, so it is the one that writes most.
      return max(instruction.named(*BRANCHES), key=self._written)
    if operation in ("call", "async-start") or operation.startswith("command"):
      return next(iter(instruction.named("to_apply", "calls", "called_computations")), None)
    return None

  def _written(self, name: str) -> float:
    """The bytes of all results of a computation."""
    return sum(one.times * one.instruction.padded_size for one in self._executed(name, 1, True, ()))

  def trips(self, loop: Instruction, outside: Computation) -> int | None:
    """How often a loop turns, None where that is not known.

    The compiler may say it. Else the condition must be `i < N`, and i start from a constant.
    """
    said = re.search(r'known_trip_count\\?":\s*\{\\?"n\\?":\\?"(\d+)', loop.rest)
    if said:
      return int(said[1])
    inside = self.computations[loop.named("condition")[0]]
    compares = [one for one in inside.values() if one.operation == "compare"]
    if len(compares) != 1 or "direction=LT" not in compares[0].rest:
      return None
    counter, limit = (inside.get(name) for name in compares[0].operands)
    if counter is None or counter.operation != "get-tuple-element":
      return None
    # The counter's first value was put into the loop's tuple outside of it.
    first = _constant(_first_value(counter, loop, outside), outside)
    last = _constant(limit, inside)
    if first is None or last is None:
      return None
    return last - first


def _first_value(
  counter: Instruction, loop: Instruction, outside: Computation
) -> Instruction | None:
  """The instruction that gives a loop's counter its first value."""
  index = re.search(r"\bindex=(\d+)", counter.rest)
  made = outside.get(loop.operands[0])
  if index is None or made is None or made.operation != "tuple":
    return None
  return outside.get(made.operands[int(index[1])])


def _constant(instruction: Instruction | None, scope: Computation) -> int | None:
  """The whole number that an instruction gives; None where it is not a constant."""
  while instruction is not None and instruction.operation in ("copy", "bitcast"):
    instruction = scope.get(instruction.operands[0])
  if instruction is None or instruction.operation != "constant":
    return None
  if not instruction.inside.strip().lstrip("-").isdigit():
    return None
  return int(instruction.inside)
