"""What a compiled program moves between chips, read from the compiler's own text (HLO)."""

import collections
import dataclasses
import math
import re

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


@dataclasses.dataclass(frozen=True)
class Collective:
  """One collective of a program: `bytes` is what a chip sends each of the `times` it runs.

  In a ring of n chips that is result * (n-1)/n for an all-gather, operand * (n-1)/n for a
  reduce-scatter and an all-to-all, 2 * size * (n-1)/n for an all-reduce, the size for a permute.
  `known` is false where it stands in a loop whose length the text does not tell: counted once.
  """

  kind: str
  shape: str
  group: int
  bytes: int
  times: int = 1
  known: bool = True
  chain: str | None = None


def collectives(text):
  """Every collective that a compiled program runs, those in loops with the times they run."""
  computations, entry = _parse(text)
  head = text.partition("\n")[0]
  devices = math.prod(map(int, re.findall(r"\b(?:num_partitions|replica_count)=(\d+)", head)))
  return _Reader(computations, devices).read(entry)


def by_kind(found):
  """{kind: bytes that a chip sends in all}, the kinds in the order of KINDS."""
  total = collections.Counter()
  for c in found:
    total[c.kind] += c.bytes * c.times
  return {kind: total[kind] for kind in KINDS}


def largest(found, count=10):
  """The collectives that move most, alike ones as one, as plain dicts."""
  alike = collections.Counter()
  for c in found:
    alike[c.kind, c.shape, c.group] += c.times
  each = {(c.kind, c.shape, c.group): c.bytes for c in found}
  rows = [
    {"kind": key[0], "shape": key[1], "chips": key[2], "times": times, "bytes": each[key] * times}
    for key, times in alike.items()
  ]
  return sorted(rows, key=lambda row: -row["bytes"])[:count]


@dataclasses.dataclass(frozen=True)
class _Instruction:
  name: str
  type: str
  opcode: str
  operands: str
  rest: str


def _parse(text):
  computations, entry, body = {}, None, []
  for line in text.splitlines():
    header = _HEADER.match(line)
    if header:
      body = computations[header[2]] = []
      entry = header[2] if header[1] else entry
    elif name := _INSTRUCTION.match(line):
      body.append(_instruction(name[1], line[name.end() :]))
  return computations, entry


def _instruction(name, text):
  end = _closing(text, 0) if text.startswith("(") else text.index(" ")
  opcode = _OPCODE.match(text, end)
  close = _closing(text, opcode.end() - 1)
  return _Instruction(name, text[:end], opcode[1], text[opcode.end() : close - 1], text[close:])


def _closing(text, start):
  """The position after the parenthesis that closes the one at `start`."""
  depth = 0
  for match in re.compile(r"[()]").finditer(text, start):
    depth += 1 if match[0] == "(" else -1
    if depth == 0:
      return match.end()
  raise ValueError(f"No closing parenthesis in {text[:80]!r}.")


class _Reader:
  """Follows calls from the entry on; a computation is read once."""

  def __init__(self, computations, devices):
    self.computations, self.devices, self.done = computations, devices, {}

  def read(self, name):
    if name not in self.done:
      self.done[name] = list(self._read(name))
    return self.done[name]

  def _read(self, name):
    chains = set()
    for instruction in self.computations.get(name, ()):
      for c in self._of(instruction, name):
        # The TPU compiler spreads one collective over several fusions, each of which names it.
        if c.chain is None or c.chain not in chains:
          yield c
      chains |= {c.chain for c in self._of(instruction, name)}

  def _of(self, instruction, name):
    kind = instruction.opcode.removesuffix("-start")
    if kind in KINDS:
      return [self._collective(kind, instruction, name)]
    if instruction.opcode.endswith(("-done", "-update")):
      return []
    if instruction.opcode == "while":
      return self._loop(instruction, name)
    if instruction.opcode == "conditional":
      branches = [self.read(branch) for branch in _names(_BRANCHES, instruction.rest)]
      return max(branches, key=lambda found: sum(c.bytes * c.times for c in found))
    return [c for called in _names(_CALLED, instruction.rest) for c in self.read(called)]

  def _loop(self, instruction, name):
    body = _names(re.compile(r"\bbody=(%?[\w.\-]+)"), instruction.rest)[0]
    times = self._trips(instruction, name)
    return [
      dataclasses.replace(
        c, times=c.times * (times or 1), known=c.known and times is not None, chain=None
      )
      for c in self.read(body)
    ]

  def _trips(self, loop, name):
    """How often a loop runs: said by the compiler, else `i < N` with i from a constant on."""
    said = re.search(r'known_trip_count\\?":\s*\{\\?"n\\?":\\?"(\d+)', loop.rest)
    if said:
      return int(said[1])
    condition = _names(re.compile(r"\bcondition=(%?[\w.\-]+)"), loop.rest)[0]
    inside = {i.name: i for i in self.computations[condition]}
    compares = [i for i in inside.values() if i.opcode == "compare"]
    if len(compares) != 1 or "direction=LT" not in compares[0].rest:
      return None
    counter, limit = (inside.get(n) for n in _operands(compares[0]))
    if counter is None or counter.opcode != "get-tuple-element" or limit is None:
      return None
    outside = {i.name: i for i in self.computations[name]}
    first = _constant(_start(counter, loop, outside), outside)
    last = _constant(limit, inside)
    return None if first is None or last is None else last - first

  def _collective(self, kind, instruction, name):
    sizes = [(f"{t}[{dims}]", _bytes(t, dims)) for t, dims in _SHAPE.findall(instruction.type)]
    if instruction.opcode == "all-gather-start":  # (operands, results)
      sizes = sizes[len(sizes) // 2 :]
    elif instruction.opcode == "collective-permute-start":  # (operand, result, two contexts)
      sizes = sizes[:1]
    n, size = self._group(instruction.rest), sum(size for _, size in sizes)
    if kind == "reduce-scatter":
      size *= n
    if "all-reduce-scatter" in name:  # The TPU compiler's fusion of an all-reduce and a slice.
      kind = "reduce-scatter"
    share = {"all-reduce": 2 * (n - 1) / n, "collective-permute": 1}.get(kind, (n - 1) / n)
    chain = re.search(r'\bchain_id="(\w+)"', instruction.rest)
    shape = ", ".join(shape for shape, _ in sizes)
    return Collective(kind, shape, n, round(size * share), chain=chain and chain[1])

  def _group(self, rest):
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
      used = re.findall(r"'([^']+)'(?::\(\d+\)(\d+))?", mesh[2])
      return math.prod(int(part or axes[axis]) for axis, part in used)
    return self.devices


def _start(counter, loop, outside):
  """The instruction that gives a loop's counter its first value."""
  index = int(re.search(r"\bindex=(\d+)", counter.rest)[1])
  made = outside.get(_operands(loop)[0])
  return outside.get(_operands(made)[index]) if made and made.opcode == "tuple" else None


def _constant(instruction, scope):
  while instruction is not None and instruction.opcode in ("copy", "bitcast"):
    instruction = scope.get(_operands(instruction)[0])
  if instruction is None or instruction.opcode != "constant":
    return None
  return int(instruction.operands) if instruction.operands.lstrip("-").isdigit() else None


def _operands(instruction):
  return re.findall(r"%([\w.\-]+)", instruction.operands)


def _names(pattern, text):
  return [n.strip().lstrip("%") for found in pattern.findall(text) for n in found.split(",")]


def _bytes(dtype, dims):
  bits = BITS.get(dtype) or int(re.search(r"\d+", dtype)[0])
  return math.ceil(math.prod(int(n) for n in dims.split(",") if n) * bits / 8)
