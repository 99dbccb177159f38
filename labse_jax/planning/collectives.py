"""What a compiled program sends between chips, read from the compiler's own text (HLO)."""

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
import dataclasses
import math
import re
from typing import TypedDict

KINDS = ("all-gather", "all-reduce", "reduce-scatter", "collective-permute", "all-to-all")
BITS = {"pred": 8, "s4": 4, "u4": 4, "bf16": 16, "c64": 64, "c128": 128}
_HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+)(?: \(.*)? \{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = ")
_OPCODE = re.compile(r"\s*([\w\-]+)\(")
_SHAPE = re.compile(r"\b([a-z]\w*)\[([\d,]*)\]")
_CALLED = re.compile(r"\b(?:calls|to_apply|called_computations)=\{?(%?[\w.\-]+(?:, *%?[\w.\-]+)*)")
_BRANCHES = re.compile(
  r"\b(?:branch_computations|true_computation|false_computation)=\{?"
  r"(%?[\w.\-]+(?:, *%?[\w.\-]+)*)"
)
_BODY = re.compile(r"\bbody=(%?[\w.\-]+)")
_CONDITION = re.compile(r"\bcondition=(%?[\w.\-]+)")
_TRIP_COUNT = re.compile(r'known_trip_count\\?":\s*\{\\?"n\\?":\\?"(\d+)')


@dataclasses.dataclass(frozen=True)
class Collective:
  """One collective of a program: `bytes` is what a chip sends each of the `times` it runs.

  In a ring of n chips that is result * (n-1)/n for an all-gather, operand * (n-1)/n for a
  reduce-scatter and an all-to-all, 2 * size * (n-1)/n for an all-reduce, the size for a permute.
  `known` is false in a loop whose length the text does not tell; such a loop counts once.
  """

  kind: str
  shape: str
  group: int
  bytes: int
  times: int = 1
  known: bool = True
  chain: str | None = None


class Alike(TypedDict):
  """Collectives of one kind, shape and group together: how often they run, and all they send."""

  kind: str
  shape: str
  chips: int
  times: int
  bytes: int


def collectives(text: str) -> list[Collective]:
  """Every collective that a compiled program runs, those in loops with the times they run."""
  computations, entry = _parse(text)
  head = text.partition("\n")[0]
  devices = math.prod(map(int, re.findall(r"\b(?:num_partitions|replica_count)=(\d+)", head)))
  return _Reader(computations, devices).read(entry)


def by_kind(found: Iterable[Collective]) -> dict[str, int]:
  """{kind: bytes that a chip sends in all}, the kinds in the order of KINDS."""
  total: collections.Counter[str] = collections.Counter()
  for collective in found:
    total[collective.kind] += _sent(collective)
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
    row["bytes"] += _sent(one)
  return sorted(rows.values(), key=lambda row: -row["bytes"])[:count]


def _sent(collective: Collective) -> int:
  """The bytes that a chip sends in all the times that a collective runs."""
  return collective.bytes * collective.times


@dataclasses.dataclass(frozen=True)
class _Instruction:
  name: str
  type: str
  opcode: str
  operands: str
  rest: str


def _parse(text: str) -> tuple[dict[str, list[_Instruction]], str]:
  """Returns ({name of a computation: its instructions}, the name of the one that runs first)."""
  computations: dict[str, list[_Instruction]] = {}
  entry = ""
  body: list[_Instruction] = []
  for line in text.splitlines():
    header = _HEADER.match(line)
    if header:
      is_entry, name = header.groups()
      body = computations[name] = []
      if is_entry:
        entry = name
      continue
    instruction = _INSTRUCTION.match(line)
    if instruction:
      body.append(_instruction(instruction[1], line[instruction.end() :]))
  return computations, entry


def _instruction(name: str, text: str) -> _Instruction:
  """An instruction from what stands behind its name: `type opcode(operands), rest`."""
  end = _closing(text, 0) if text.startswith("(") else text.index(" ")
  opcode = _OPCODE.match(text, end)
  if opcode is None:
    raise ValueError(f"No opcode in {text[:80]!r}.")
  close = _closing(text, opcode.end() - 1)
  return _Instruction(name, text[:end], opcode[1], text[opcode.end() : close - 1], text[close:])


def _closing(text: str, start: int) -> int:
  """The position after the parenthesis that closes the one at `start`."""
  depth = 0
  for match in re.compile(r"[()]").finditer(text, start):
    depth += 1 if match[0] == "(" else -1
    if depth == 0:
      return match.end()
  raise ValueError(f"No closing parenthesis in {text[:80]!r}.")


class _Reader:
  """Follows calls from the entry on; a computation is read once."""

  def __init__(self, computations: Mapping[str, Sequence[_Instruction]], devices: int) -> None:
    self.computations = computations
    self.devices = devices
    self.done: dict[str, list[Collective]] = {}

  def read(self, name: str) -> list[Collective]:
    """The collectives of a computation, and of what it calls."""
    if name not in self.done:
      self.done[name] = list(self._read(name))
    return self.done[name]

  def _read(self, name: str) -> Iterator[Collective]:
    chains: set[str | None] = set()
    for instruction in self.computations.get(name, ()):
      found = self._of_instruction(instruction, name)
      for collective in found:
        # The TPU compiler spreads one collective over several fusions, each of which names it.
        if collective.chain is None or collective.chain not in chains:
          yield collective
      chains.update(collective.chain for collective in found)

  def _of_instruction(self, instruction: _Instruction, name: str) -> list[Collective]:
    kind = instruction.opcode.removesuffix("-start")
    if kind in KINDS:
      return [self._collective(kind, instruction, name)]
    if instruction.opcode.endswith(("-done", "-update")):
      return []
    if instruction.opcode == "while":
      return self._loop(instruction, name)
    if instruction.opcode == "conditional":
      # Of a condition one branch runs: the dearest one, at worst.
      branches = [self.read(branch) for branch in _names(_BRANCHES, instruction.rest)]
      return max(branches, key=lambda found: sum(map(_sent, found)))
    found = []
    for called in _names(_CALLED, instruction.rest):
      found += self.read(called)
    return found

  def _loop(self, instruction: _Instruction, name: str) -> list[Collective]:
    body = _names(_BODY, instruction.rest)[0]
    trips = self._trips(instruction, name)
    found = []
    for one in self.read(body):
      times = one.times * (trips or 1)
      known = one.known and trips is not None
      found.append(dataclasses.replace(one, times=times, known=known, chain=None))
    return found

  def _trips(self, loop: _Instruction, name: str) -> int | None:
    """How often a loop runs, None where that is not known.

    The compiler may say it. Else the condition must be `i < N`, and i start from a constant.
    """
    said = _TRIP_COUNT.search(loop.rest)
    if said:
      return int(said[1])
    condition = _names(_CONDITION, loop.rest)[0]
    inside = _by_name(self.computations[condition])
    compares = [one for one in inside.values() if one.opcode == "compare"]
    if len(compares) != 1 or "direction=LT" not in compares[0].rest:
      return None
    left, right = _operands(compares[0])
    counter = inside.get(left)
    limit = inside.get(right)
    if counter is None or counter.opcode != "get-tuple-element" or limit is None:
      return None
    # The counter's first value was put into the loop's tuple outside of it.
    outside = _by_name(self.computations[name])
    first = _constant(_start(counter, loop, outside), outside)
    last = _constant(limit, inside)
    if first is None or last is None:
      return None
    return last - first

  def _collective(self, kind: str, instruction: _Instruction, name: str) -> Collective:
    arrays = _SHAPE.findall(instruction.type)
    if instruction.opcode == "all-gather-start":  # (operands, results)
      arrays = arrays[len(arrays) // 2 :]
    elif instruction.opcode == "collective-permute-start":  # (operand, result, two contexts)
      arrays = arrays[:1]
    shape = ", ".join(f"{dtype}[{dims}]" for dtype, dims in arrays)
    size = sum(_bytes(dtype, dims) for dtype, dims in arrays)
    n = self._group(instruction.rest)
    if kind == "reduce-scatter":  # The text has the result's type; the operand is n times that.
      size *= n
    if "all-reduce-scatter" in name:  # The TPU compiler's fusion of an all-reduce and a slice.
      kind = "reduce-scatter"
    chain = re.search(r'\bchain_id="(\w+)"', instruction.rest)
    return Collective(
      kind, shape, n, round(size * _share(kind, n)), chain=chain[1] if chain else None
    )

  def _group(self, rest: str) -> int:
    """How many chips take part: `{{0,1},{2,3}}`, `[2,4]<=[8]` or `mesh['a'=4,'b'=2] {'a'}`."""
    explicit = re.search(r"\breplica_groups=\{\{([\d,]*)\}", rest)
    if explicit:
      return explicit[1].count(",") + 1
    iota = re.search(r"\breplica_groups=\[\d+,(\d+)\]<=", rest)
    if iota:
      return int(iota[1])
    mesh = re.search(r"\breplica_groups=mesh\[([^\]]*)\].*?\{('[^}]*)\}", rest)
    if mesh:
      axes = dict(re.findall(r"'([^']+)'=(\d+)", mesh[1]))
      chips = 1
      for axis, part in re.findall(r"'([^']+)'(?::\(\d+\)(\d+))?", mesh[2]):
        chips *= int(part or axes[axis])
      return chips
    return self.devices  # Where no groups are written, all take part.


def _share(kind: str, n: int) -> float:
  """What a chip sends in a ring of n chips, as a multiple of the array's bytes."""
  if kind == "all-reduce":  # A reduce-scatter, then an all-gather.
    return 2 * (n - 1) / n
  if kind == "collective-permute":
    return 1
  return (n - 1) / n


def _by_name(instructions: Iterable[_Instruction]) -> dict[str, _Instruction]:
  return {instruction.name: instruction for instruction in instructions}


def _start(
  counter: _Instruction, loop: _Instruction, outside: Mapping[str, _Instruction]
) -> _Instruction | None:
  """The instruction that gives a loop's counter its first value."""
  index = _number(r"\bindex=(\d+)", counter.rest)
  made = outside.get(_operands(loop)[0])
  if made is None or made.opcode != "tuple":
    return None
  return outside.get(_operands(made)[index])


def _constant(instruction: _Instruction | None, scope: Mapping[str, _Instruction]) -> int | None:
  """The whole number that an instruction gives; None where it is not a constant."""
  while instruction is not None and instruction.opcode in ("copy", "bitcast"):
    instruction = scope.get(_operands(instruction)[0])
  if instruction is None or instruction.opcode != "constant":
    return None
  if not instruction.operands.lstrip("-").isdigit():
    return None
  return int(instruction.operands)


def _operands(instruction: _Instruction) -> list[str]:
  return re.findall(r"%([\w.\-]+)", instruction.operands)


def _names(pattern: re.Pattern[str], text: str) -> list[str]:
  """The names in the lists `%a, %b` that a pattern finds."""
  names = []
  for found in pattern.findall(text):
    names += [name.strip().lstrip("%") for name in found.split(",")]
  return names


def _number(pattern: str, text: str) -> int:
  """The whole number that a pattern finds in a text, which must have it."""
  found = re.search(pattern, text)
  if found is None:
    raise ValueError(f"No {pattern} in {text[:80]!r}.")
  return int(found[1])


def _bytes(dtype: str, dims: str) -> int:
  """The bytes of an array: ("bf16", "16,8") has 256."""
  bits = BITS.get(dtype) or _number(r"(\d+)", dtype)  # "f32" and most others say it.
  count = math.prod(map(int, re.findall(r"\d+", dims)))
  return math.ceil(count * bits / 8)
