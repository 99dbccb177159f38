"""Bytes that an instruction of a compiled program reads and writes in the main memory."""

from hlo_text import Computation, Executed, Instruction, Program, arrays_of

SLICES = {"dynamic-slice", "gather", "slice"}
NOTHING = {"conditional", "iota", "while"}
MOVES = ("async", "copy", "dynamic", "slice")  # Asynchronous ones that stay on the chip.
SMALL = 4_096  # Bytes: what is smaller in an asynchronous move is its bookkeeping.


def bytes_of(program: Program, executed: Executed) -> float:
  """Bytes of one execution. An array that is only sliced counts as the slices."""
  instruction = executed.instruction
  operation = instruction.operation
  if operation in NOTHING or operation.endswith("-done"):
    return 0.0
  if operation.endswith("-start"):
    return moved(instruction)
  if operation == "dynamic-update-slice":
    update = executed.computation.get(instruction.operands[1])
    return 2 * update.main_size if update else instruction.main_size
  if operation in ("dynamic-slice", "slice"):
    return 2 * instruction.main_size
  return written(program, instruction) + read(program, executed)


def moved(instruction: Instruction) -> float:
  """Of a move between memories: one side is the main memory, the smaller one is what moves."""
  if not instruction.operation.startswith(MOVES):
    return 0.0
  sizes = [array.size() for array in instruction.arrays]
  return min((size for size in sizes if size > SMALL), default=0.0)


def written(program: Program, instruction: Instruction) -> float:
  """Bytes of the result; of an array that is updated in place, the update's."""
  fused = program.fused(instruction)
  results = results_of(fused) if fused else []
  if not any(result.operation == "dynamic-update-slice" for result in results):
    return instruction.main_size
  total = 0.0
  for result, array in zip(results, instruction.arrays, strict=False):
    if result.operation != "dynamic-update-slice":
      total += array.size(everywhere=False)
    elif result.operands[1] in fused:
      total += fused[result.operands[1]].size
  return total


def results_of(fused: Computation) -> list[Instruction]:
  """What a fusion returns, each behind its bitcasts."""
  root = next(instruction for instruction in fused.values() if instruction.is_root)
  results = [root]
  if root.operation == "tuple":
    results = [fused[name] for name in root.operands if name in fused]
  return [behind_bitcasts(fused, result) for result in results]


def behind_bitcasts(fused: Computation, instruction: Instruction) -> Instruction:
  while instruction.operation == "bitcast":
    instruction = fused[instruction.operands[0]]
  return instruction


def read(program: Program, executed: Executed) -> float:
  """Bytes of the operands, of each no more than it has in the main memory."""
  fused = program.fused(executed.instruction)
  sliced = slices_of(program, fused) if fused else {}
  total = 0.0
  for number, name in enumerate(executed.instruction.operands):
    operand = executed.computation.get(name)
    if operand is None:
      continue
    whole = operand.main_size
    part = sliced.get(number)
    total += whole if part is None else min(part, whole)
  return total


def slices_of(program: Program, fused: Computation) -> dict[int, float | None]:
  """{number of a parameter: bytes of its slices that are read}; None where it is read whole."""
  return {
    int(instruction.inside): slices_of_one(program, fused, name)
    for name, instruction in fused.items()
    if instruction.operation == "parameter"
  }


def slices_of_one(program: Program, fused: Computation, parameter: str) -> float | None:
  """The same of one parameter: all that use it are looked at, through bitcasts."""
  total = 0.0
  seen = set()
  waiting = [parameter]
  while waiting:
    source = waiting.pop()
    for user in users_of(fused, source):
      if user.name in seen:
        continue
      seen.add(user.name)
      if user.operation == "bitcast":
        waiting.append(user.name)
        continue
      part = part_used(program, user, source)
      if part is None:
        return None
      total += part
  return total


def users_of(fused: Computation, name: str) -> list[Instruction]:
  return [instruction for instruction in fused.values() if name in instruction.operands]


def part_used(program: Program, user: Instruction, source: str) -> float | None:
  """Bytes that one user reads of an array; None for all of it."""
  if user.operation in SLICES:
    return user.size
  if user.operation == "dynamic-update-slice" and user.operands[0] == source:
    return 0.0  # It is updated in place.
  inner = program.fused(user)
  if inner is None:
    return None
  sliced = slices_of(program, inner)
  places = [number for number, name in enumerate(user.operands) if name == source]
  parts = [sliced.get(number) for number in places]
  return None if None in parts else sum(parts)


def int8_scratch(instruction: Instruction) -> float:
  """Bytes of the int8 arrays of a result: a library call's scratch, which it need not fill."""
  return sum(array.size() for array in arrays_of(instruction.type) if array.dtype == "s8")
