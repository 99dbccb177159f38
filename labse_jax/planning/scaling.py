"""Weak scaling: does a chip need or send more where more chips have the same rows each?"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
from typing import Any

from labse_jax.planning.collectives import Collective, ring_share

FLAT = 0.05
SMALL = 0.01  # A share of all bytes sent: what moves less is no finding.
COPY = "chips that share a copy of the weights"
PART = "chips that hold the same part of the weights"
ALL = "all chips"
SOME = "some chips"
LOOP = "while/body/closed_call/"
LINE = 100


@dataclasses.dataclass(frozen=True)
class Size:
  """One size of a slice: numbers for JSON, and what a chip sends, None where it does not fit.

  The numbers have `memory` and `bytes_used_per_chip`, and in `refused` what the compiler said.
  """

  devices: int
  numbers: Mapping[str, Any]
  sent: Sequence[Collective] | None


@dataclasses.dataclass
class Exchange:
  """All collectives of one kind over the same chips: bytes of their arrays, and sent."""

  kind: str
  over: str
  arrays: float = 0.0
  sent: int = 0
  largest: int = 0
  origin: str = ""

  def add(self, one: Collective) -> None:
    self.arrays += one.sent / ring_share(one.kind, one.group)
    self.sent += one.sent
    if one.sent > self.largest:
      self.largest = one.sent
      self.origin = one.origin


def weak_scaling(rows: int, sizes: Sequence[Size], fsdp: int) -> dict[str, Any]:
  """What stays the same as a slice grows, and what does not; for JSON.

  `rows` are those of a chip, `fsdp` the chips that share a copy of the weights at every size.
  """
  known = _known(sizes, fsdp)
  tables = [_exchanges(size, fsdp, known) for size in sizes]
  said = findings(sizes, tables, fsdp)
  steps = []
  for size, table in zip(sizes, tables, strict=True):
    steps.append({**size.numbers, "exchanges": [vars(one) for one in table]})
  return {"rows_per_chip": rows, "flat": not said, "findings": said, "steps": steps}


def _exchanges(size: Size, fsdp: int, known: Mapping[tuple[str, str], str]) -> list[Exchange]:
  """What a chip sends in a step, by kind and by the chips that take part."""
  rows: dict[tuple[str, str], Exchange] = {}
  for one in size.sent or ():
    if one.group == 1:
      continue
    over = _over(one, fsdp, size.devices)
    if fsdp == size.devices and over == ALL:
      # All chips share one copy here. What other sizes send from that place tells the two apart.
      over = known.get(_place(one), COPY)
    rows.setdefault((one.kind, over), Exchange(one.kind, over)).add(one)
  return list(rows.values())


def _known(sizes: Iterable[Size], fsdp: int) -> dict[tuple[str, str], str]:
  """{a collective's kind and place: over which chips}, where the sizes agree on it."""
  found: dict[tuple[str, str], set[str]] = {}
  for size in sizes:
    if size.devices == fsdp:
      continue
    for one in size.sent or ():
      found.setdefault(_place(one), set()).add(_over(one, fsdp, size.devices))
  return {place: next(iter(overs)) for place, overs in found.items() if len(overs) == 1}


def _place(one: Collective) -> tuple[str, str]:
  """What a collective has in common with the same one at another size, which may have a loop."""
  return one.kind, one.origin.replace(LOOP, "")


def _over(one: Collective, fsdp: int, devices: int) -> str:
  """Which chips take part; those that share a copy of the weights stand side by side."""
  if one.group == devices:
    return ALL
  if one.group == fsdp and one.stride == 1:
    return COPY
  if one.group == devices // fsdp and one.stride == fsdp:
    return PART
  return SOME


def findings(sizes: Sequence[Size], tables: Sequence[Sequence[Exchange]], fsdp: int) -> list[str]:
  """What differs by more than 5 % between two of the sizes, and why; none if nothing does.

  `tables` has the exchanges of each size. A size that does not fit is a finding of its own.
  """
  said = [
    f"{size.devices:,} chips: the step does not fit: {size.numbers['refused']}"
    for size in sizes
    if size.sent is None
  ]
  pairs = zip(sizes, tables, strict=True)
  fitting = [(size, table) for size, table in pairs if size.sent is not None]
  if len(fitting) < 2:
    return said
  said += _of_memory([size for size, _ in fitting])
  total = max(sum(one.sent for one in table) for _, table in fitting)
  by_key = [{(one.kind, one.over): one for one in table} for _, table in fitting]
  for key in sorted({key for table in by_key for key in table}):
    rows = [table.get(key, Exchange(*key)) for table in by_key]
    first, last = _extremes([row.sent for row in rows])
    was, now = rows[first], rows[last]
    if max(was.sent, now.sent) > SMALL * total and not _flat(was.sent, now.sent):
      chips = (fitting[first][0].devices, fitting[last][0].devices)
      change = _change(" over ".join(key), chips, (was.sent, now.sent))
      why = _why(was, now, chips[1] / chips[0])
      if chips[0] == fsdp and now.over == PART:
        why = f"with {fsdp:,} chips there is only one copy of the weights"
      said.append(f"{change}: {why}.")
  return said


def _of_memory(sizes: Sequence[Size]) -> list[str]:
  used = [size.numbers["bytes_used_per_chip"] for size in sizes]
  first, last = _extremes(used)
  if _flat(used[first], used[last]):
    return []
  was, now = (sizes[place].numbers["memory"] for place in (first, last))
  kind = max(now, key=lambda name: abs(now[name] - was.get(name, 0)))
  chips = (sizes[first].devices, sizes[last].devices)
  change = _change("memory", chips, (used[first], used[last]))
  return [f"{change}: most of the change is in {kind.replace('_', ' ')}."]


def _extremes(values: Sequence[float]) -> tuple[int, int]:
  """The places of the least and of the largest value, in the order in which they stand."""
  low = values.index(min(values))
  high = values.index(max(values))
  return min(low, high), max(low, high)


def _flat(was: float, now: float) -> bool:
  return abs(now - was) <= FLAT * max(min(was, now), 1)


def _change(name: str, chips: tuple[int, int], sizes: tuple[float, float]) -> str:
  said = [f"{size / 2**20:,.1f} MiB with {n:,} chips" for size, n in zip(sizes, chips, strict=True)]
  return f"{name}: {' become '.join(said)}"


def _why(was: Exchange, now: Exchange, growth: float) -> str:
  """Why an exchange sends more or less with `growth` times as many chips."""
  where = f" (the largest is from {_short(now.origin or was.origin or 'no named place')})"
  if not was.sent or not now.sent:
    return "the compiler exchanges something in another way" + where
  if _flat(was.arrays, now.arrays):
    return "the arrays stay the same, but a larger ring sends a larger share of them" + where
  if now.arrays > was.arrays * max(growth / 2, 1 + FLAT):
    return "the arrays grow with the batch, as the vectors in a loss over all pairs do" + where
  return "the arrays change by something else than the batch" + where


def _short(origin: str) -> str:
  """A place; of several that the compiler joined in one collective, as many as a line takes."""
  return origin if len(origin) <= LINE else origin[: LINE - 3] + "..."
