"""What a compiled program sends between chips, read from the compiler's own text (HLO)."""

import collections
from collections.abc import Iterable, Iterator
import dataclasses
import re
from typing import Any, TypedDict

from labse_jax.planning.hlo.groups import first_group
from labse_jax.planning.hlo.program import Executed, Program
from labse_jax.planning.hlo.text import Instruction, arrays_of, elements

KINDS = ("all-gather", "all-reduce", "reduce-scatter", "collective-permute", "all-to-all")


@dataclasses.dataclass(frozen=True)
class Collective:
  """One collective of a program: `bytes` is what a chip sends each of the `times` it runs.

  In a ring of n chips that is result * (n-1)/n for an all-gather, operand * (n-1)/n for a
  reduce-scatter and an all-to-all, 2 * size * (n-1)/n for an all-reduce, the size for a permute.
  `group` is how many chips take part, and `stride` how far apart the first two of them are.
  `known` is false in a loop whose length the text does not tell; such a loop counts once.
  `origin` is where in the Python program it comes from.
  """

  kind: str
  shape: str
  group: int
  bytes: int
  times: int = 1
  known: bool = True
  chain: str | None = None
  stride: int = 1
  origin: str = ""

  @property
  def sent(self) -> int:
    """The bytes that a chip sends in all the times that it runs."""
    return self.bytes * self.times


class Alike(TypedDict):
  """Collectives of one kind, shape and group together: how often they run, and all they send."""

  kind: str
  shape: str
  chips: int
  times: int
  bytes: int


def summary(program: Program | None) -> dict[str, Any]:
  """What a program sends, for JSON; all is None where there is no program to read."""
  if program is None:
    names = ("collective_bytes", "collectives_in_loops_of_unknown_length", "largest_collectives")
    return dict.fromkeys(names)
  found = collectives(program)
  return {
    "collective_bytes": by_kind(found),
    "collectives_in_loops_of_unknown_length": sum(not one.known for one in found),
    "largest_collectives": largest(found),
  }


def collectives(program: Program) -> list[Collective]:
  """Every collective that a compiled program runs, those in loops with the times they run."""
  found = []
  chains: set[tuple[tuple[str, ...], str]] = set()
  for executed in program.executed:
    for collective in collectives_in(program, executed):
      # The TPU compiler spreads one collective over several fusions, each of which names it.
      if collective.chain is not None:
        chain = (executed.place, collective.chain)
        if chain in chains:
          continue
        chains.add(chain)
      found.append(collective)
  return found


def collectives_in(program: Program, executed: Executed) -> Iterator[Collective]:
  """The collectives that an executed instruction is, or holds if it is a fusion."""
  around = executed.instruction
  names = around.named("calls") if around.operation == "fusion" else []
  for instruction in program.within(around):
    kind = instruction.operation.removesuffix("-start")
    if kind in KINDS:
      # The TPU compiler's fusion of an all-reduce and a slice.
      if any("all-reduce-scatter" in name for name in names):
        kind = "reduce-scatter"
      collective = _collective(kind, instruction, program.devices)
      yield dataclasses.replace(collective, times=executed.times, known=executed.known)


def by_kind(found: Iterable[Collective]) -> dict[str, int]:
  """{kind: bytes that a chip sends in all}, the kinds in the order of KINDS."""
  total: collections.Counter[str] = collections.Counter()
  for collective in found:
    total[collective.kind] += collective.sent
  return {kind: total[kind] for kind in KINDS}


def largest(found: Iterable[Collective], count: int = 10) -> list[Alike]:
  """The collectives that move most, alike ones as one, as plain dicts."""
  rows: dict[tuple[str, str, int], Alike] = {}
  for one in found:
    alike = (one.kind, one.shape, one.group)
    row = rows.setdefault(
      alike, {"kind": one.kind, "shape": one.shape, "chips": one.group, "times": 0, "bytes": 0}
    )
    row["times"] += one.times
    row["bytes"] += one.sent
  return sorted(rows.values(), key=lambda row: -row["bytes"])[:count]


def _collective(kind: str, instruction: Instruction, devices: int) -> Collective:
  operation = instruction.operation
  type_text = instruction.type
  # The type of a start is (operands, results, contexts), but that of an all-reduce its result.
  if operation.endswith("-start") and operation != "all-reduce-start":
    type_text = elements(type_text)[1]
  arrays = arrays_of(type_text)
  shape = ", ".join(f"{one.dtype}[{','.join(map(str, one.dims))}]" for one in arrays)
  size = sum(one.size for one in arrays)
  group = first_group(instruction.rest, devices)
  n = len(group)
  # The text has the result's type; the operand is n times that.
  if operation.startswith("reduce-scatter"):
    size *= n
  chain = re.search(r'\bchain_id="(\w+)"', instruction.rest)
  return Collective(
    kind,
    shape,
    n,
    round(size * ring_share(kind, n)),
    chain=chain[1] if chain else None,
    stride=group[1] - group[0] if n > 1 else 1,
    origin=instruction.op_name,
  )


def ring_share(kind: str, n: int) -> float:
  """What a chip sends in a ring of n chips, as a multiple of the array's bytes."""
  if kind == "all-reduce":  # A reduce-scatter, then an all-gather.
    return 2 * (n - 1) / n
  if kind == "collective-permute":
    return 1
  return (n - 1) / n
