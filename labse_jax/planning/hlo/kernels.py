"""The kernels of a compiled program in the order in which they run, and the seconds of each."""

from collections.abc import Callable
import dataclasses
import itertools
import re

from labse_jax.planning.collectives import collectives_in
from labse_jax.planning.hlo.products import has_product, is_attention_kernel
from labse_jax.planning.hlo.program import Executed, Program
from labse_jax.planning.hlo.text import Array, Instruction

CATEGORIES = (
  "products",
  "attention",
  "softmax",
  "norms",
  "dropout",
  "copies",
  "collectives",
  "other",
)
# Products of attention: in a scope of that name, or einsums whose text has its scores.
ATTENTION_PRODUCTS = re.compile(r"(^|/)attention(/|$)|bhlm")
RANDOM = re.compile(r"bernoulli|random_bits|threefry|rng", re.IGNORECASE)
SOFTMAX = re.compile(r"softmax|reduce_max|(^|/)attention/|bhlm")
NORMS = re.compile(r"[_.]norm\b|LayerNorm")
COPIES = ("copy", "transpose", "slice-start", "dynamic-slice-start")


@dataclasses.dataclass(frozen=True)
class Price:
  """What one execution of a kernel takes, in seconds.

  `memory` is how long it keeps the main memory busy. `basis` says who estimates: "compiler",
  "roofline", or "own roofline" for a kernel that the usual way of its platform cannot see into.
  """

  seconds: float
  memory: float
  basis: str


@dataclasses.dataclass(frozen=True)
class Kernel:
  """A kernel, and the seconds by which all its executions lengthen a step."""

  executed: Executed
  category: str
  seconds: float
  basis: str


@dataclasses.dataclass
class _Started:
  """Something that runs beside other kernels: the seconds of each execution that are left."""

  executed: Executed
  category: str
  left: float
  by_link: bool


Pricer = Callable[[Program, Executed], Price]


def kernels(program: Program, price: Pricer, link: float) -> list[Kernel]:
  """The kernels of a step. What is sent between chips goes at `link` bytes a second.

  Kernels run one after the other. Only what the program starts at one place and awaits at another
  runs beside what stands between: a transfer between chips, or a copy within the memory while
  others leave the memory idle. It lengthens the step by what is then left of it.
  """
  return _Clock(program, price, link).run()


class _Clock:
  """Goes through a program once; `started` holds what runs beside, by its place and name.

  One start may hold several kernels, which run one after the other.
  """

  def __init__(self, program: Program, price: Pricer, link: float) -> None:
    self.program = program
    self.price = price
    self.link = link
    self.started: dict[tuple[tuple[str, ...], str], list[_Started]] = {}
    self.chains: set[tuple[tuple[str, ...], str]] = set()
    self.found: list[Kernel] = []

  def run(self) -> list[Kernel]:
    for executed in self.program.executed:
      self._leave(executed.place)
      self._step(executed)
    self._leave(None)
    return self.found

  def _step(self, executed: Executed) -> None:
    operation = executed.instruction.operation
    if operation.endswith("-update"):
      # From here on, what was started is awaited by the name of the update.
      awaited = next(iter(executed.instruction.operands), "")
      going_on = self.started.pop((executed.place, awaited), [])
      self.started[executed.place, executed.instruction.name] = going_on
      return
    if operation.endswith("-done"):
      awaited = next(iter(executed.instruction.operands), "")
      self._await((executed.place, awaited))
      return
    price = self.price(self.program, executed)
    sent = self._sent(executed)
    wrapper = self._asynchronous(executed)
    if wrapper:
      seconds = sent or price.seconds
      category = category_of(self.program, executed.instruction)
      started = _Started(executed, category, seconds, by_link=sent > 0)
      self.started.setdefault(wrapper, []).append(started)
      return
    # A collective that nothing runs beside; the work of its own fusion goes on with it.
    seconds = max(price.seconds, sent)
    self._pass(executed, seconds, price)
    category = "collectives" if sent else category_of(self.program, executed.instruction)
    basis = "roofline" if sent else price.basis
    self.found.append(Kernel(executed, category, executed.times * seconds, basis))
    if any(one.target == "AsyncCollectiveDone" for one in self._inside(executed)):
      for chain in self._chains_of(executed):
        self._await(chain)

  def _inside(self, executed: Executed) -> list[Instruction]:
    return self.program.within(executed.instruction)

  def _sent(self, executed: Executed) -> float:
    """The seconds of the collectives of an instruction that are not spread over others."""
    total = 0.0
    for one in collectives_in(self.program, executed):
      if one.chain is None:
        total += one.bytes / self.link
        continue
      # The TPU compiler spreads it over fusions, and it runs beside what these compute.
      chain = (executed.place, f"chain {one.chain}")
      if chain not in self.chains:
        self.chains.add(chain)
        seconds = one.bytes / self.link
        self.started[chain] = [_Started(executed, "collectives", seconds, by_link=True)]
    return total

  def _chains_of(self, executed: Executed) -> list[tuple[tuple[str, ...], str]]:
    found = collectives_in(self.program, executed)
    return [(executed.place, f"chain {one.chain}") for one in found if one.chain is not None]

  def _asynchronous(self, executed: Executed) -> tuple[tuple[str, ...], str] | None:
    """The place and the name by which the end of an instruction is awaited, if it is."""
    instruction = executed.instruction
    if instruction.operation.endswith("-start"):
      return executed.place, instruction.name
    if executed.place and executed.place[-1] in self.program.asynchronous:
      return executed.place[:-1], executed.place[-1]
    return None

  def _pass(self, executed: Executed, seconds: float, price: Price) -> None:
    """Lets what was started go on during a kernel, one after the other on its way."""
    idle = {True: seconds, False: max(seconds - price.memory, 0.0)}
    for one in itertools.chain.from_iterable(self.started.values()):
      # In a loop inside, the kernel runs several times for each time that this was started.
      share = executed.times / one.executed.times
      used = min(one.left, idle[one.by_link] * share)
      one.left -= used
      idle[one.by_link] -= used / share

  def _await(self, key: tuple[tuple[str, ...], str]) -> None:
    for one in self.started.pop(key, []):
      seconds = one.left * one.executed.times
      self.found.append(Kernel(one.executed, one.category, seconds, "roofline"))

  def _leave(self, place: tuple[str, ...] | None) -> None:
    """Awaits what was started in a loop that the program leaves; at the end, all."""
    for key in list(self.started):
      around = key[0]
      if place is None or place[: len(around)] != around:
        self._await(key)


def category_of(program: Program, instruction: Instruction) -> str:
  """What a kernel is for, by its operation and by where in the model it comes from."""
  operation = instruction.operation
  origin = instruction.op_name
  if any(operation.startswith(kind) for kind in ("all-", "reduce-scatter", "collective")):
    return "collectives"
  if is_attention_kernel(instruction):
    return "attention"
  if has_product(program, instruction):
    return "attention" if ATTENTION_PRODUCTS.search(origin) else "products"
  if RANDOM.search(origin):
    return "dropout"
  if operation.startswith(COPIES) or instruction.name.startswith(("copy", "wrapped_transpose")):
    return "copies"
  if NORMS.search(origin):
    return "norms"
  if SOFTMAX.search(origin) or any(map(_is_scores, instruction.arrays)):
    return "softmax"
  if "transpose" in instruction.name:
    return "copies"
  return "other"


def _is_scores(array: Array) -> bool:
  """Whether an array has the shape of attention's scores, [B, H, L, L]."""
  return len(array.dims) == 4 and array.dims[2] == array.dims[3] > 1
