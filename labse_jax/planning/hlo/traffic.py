"""Bytes that an instruction of a compiled program reads and writes in the main memory."""

from labse_jax.planning.collectives import KINDS
from labse_jax.planning.hlo.program import Executed, Program
from labse_jax.planning.hlo.text import Computation, Instruction

SLICES = {"dynamic-slice", "gather", "slice"}
NOTHING = {"conditional", "iota", "while"}
MOVES = ("copy", "slice", "dynamic")  # Asynchronous ones that stay on the chip.
SMALL = 4_096  # Bytes: what is smaller in an asynchronous move is its bookkeeping.
# Custom calls that only give a place or a fact a name.
ONLY_NAMES = {"AllocateBuffer", "AssumeGatherIndicesInBound", "ConcatBitcast"}


def bytes_of(program: Program, executed: Executed) -> float:
  """Bytes of one execution. An array that is only sliced counts as the slices.

  What a collective reads and writes does not count: it has a price of its own, by what it sends.
  """
  instruction = executed.instruction
  operation = instruction.operation
  if operation in NOTHING or operation.endswith(("-done", "-update")):
    return 0.0
  if operation in KINDS:
    return 0.0
  if instruction.target in ONLY_NAMES or is_only_a_collective(program, instruction):
    return 0.0
  if operation.endswith("-start"):
    return _moved(instruction)
  if operation == "dynamic-update-slice":
    update = executed.computation.get(instruction.operands[1])
    return 2 * update.main_size if update else instruction.main_size
  if operation in ("dynamic-slice", "slice"):
    return 2 * instruction.main_size
  return _written(program, instruction) + _read(program, executed)


def is_only_a_collective(program: Program, instruction: Instruction) -> bool:
  """Whether a fusion of a TPU's program only starts a collective, or awaits it."""
  return any(one.target.startswith("AsyncCollective") for one in program.within(instruction))


def _moved(instruction: Instruction) -> float:
  """Of a move between memories: one side is the main memory, the smaller one is what moves."""
  if not instruction.operation.startswith(MOVES):
    return 0.0
  sizes = [array.padded_size for array in instruction.arrays]
  return min((size for size in sizes if size > SMALL), default=0.0)


def _written(program: Program, instruction: Instruction) -> float:
  """Bytes of the result; of an array that is updated in place, the update's."""
  fused = program.fused(instruction)
  results = _results_of(fused) if fused else []
  if len(results) != len(instruction.arrays):  # No fusion, or one whose results are tuples.
    return instruction.main_size - _scratch(instruction)
  total = 0.0
  for result, array in zip(results, instruction.arrays, strict=True):
    # A parameter is passed on, and what is sent between chips has a price of its own.
    if result.operation == "parameter" or result.operation in KINDS:
      continue
    if result.operation != "dynamic-update-slice":
      total += array.main_size
    elif result.operands[1] in fused:
      total += fused[result.operands[1]].padded_size
  return total


def _scratch(instruction: Instruction) -> float:
  """Bytes of a library call's int8 results: room to work in, which it need not fill."""
  if instruction.operation != "custom-call":
    return 0.0
  return sum(array.main_size for array in instruction.arrays if array.dtype in ("s8", "u8"))


def _results_of(fused: Computation) -> list[Instruction]:
  """What a fusion returns, each behind its bitcasts."""
  root = next(instruction for instruction in fused.values() if instruction.is_root)
  results = [root]
  if root.operation == "tuple":
    results = [fused[name] for name in root.operands if name in fused]
  return [_behind_bitcasts(fused, result) for result in results]


def _behind_bitcasts(fused: Computation, instruction: Instruction) -> Instruction:
  while instruction.operation == "bitcast":
    instruction = fused[instruction.operands[0]]
  return instruction


def _read(program: Program, executed: Executed) -> float:
  """Bytes of the operands, of each no more than it has in the main memory."""
  sliced = _slices_of(program, program.fused(executed.instruction))
  total = 0.0
  for number, name in enumerate(executed.instruction.operands):
    operand = executed.computation.get(name)
    if operand is None:
      continue
    whole = operand.main_size
    part = sliced.get(number)
    total += whole if part is None else min(part, whole)
  return total


def _slices_of(program: Program, fused: Computation) -> dict[int, float | None]:
  """{number of a parameter: bytes of its slices that are read}; None where it is read whole."""
  return {
    int(instruction.inside): _slices_of_one(program, fused, name)
    for name, instruction in fused.items()
    if instruction.operation == "parameter"
  }


def _slices_of_one(program: Program, fused: Computation, parameter: str) -> float | None:
  """The same of one parameter: all that use it are looked at, through bitcasts."""
  total = 0.0
  seen = set()
  waiting = [parameter]
  while waiting:
    source = waiting.pop()
    for user in _users_of(fused, source):
      if user.name in seen:
        continue
      seen.add(user.name)
      if user.operation == "bitcast":
        waiting.append(user.name)
        continue
      part = _part_used(program, user, source)
      if part is None:
        return None
      total += part
  return total


def _users_of(fused: Computation, name: str) -> list[Instruction]:
  return [instruction for instruction in fused.values() if name in instruction.operands]


def _part_used(program: Program, user: Instruction, source: str) -> float | None:
  """Bytes that one user reads of an array; None for all of it."""
  if user.operation in SLICES:
    return user.padded_size
  if user.operation == "dynamic-update-slice" and user.operands[0] == source:
    return 0.0  # It is updated in place.
  if user.operation == "tuple" or user.operation in KINDS:
    return 0.0  # It is passed on, or sent, which has a price of its own.
  inner = program.fused(user)
  if not inner:
    return None
  sliced = _slices_of(program, inner)
  places = [number for number, name in enumerate(user.operands) if name == source]
  total = 0.0
  for place in places:
    part = sliced.get(place)
    if part is None:
      return None
    total += part
  return total
