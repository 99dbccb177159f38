"""Weak scaling: does a chip need or send more where more chips have the same rows each?"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
from typing import Any

from labse_jax.planning.collectives import Collective, ring_share

FLAT = 0.05


@dataclasses.dataclass
class Exchange:
  """All collectives of one kind over one group of chips: bytes of their arrays, and sent."""

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


def exchanges(found: Iterable[Collective], fsdp: int, devices: int) -> list[Exchange]:
  """What a chip sends in a step, by kind and by the chips that take part."""
  rows: dict[tuple[str, str], Exchange] = {}
  for one in found:
    if one.group == 1:
      continue
    over = "some chips"
    if one.group == fsdp:
      over = "chips that share a copy of the weights"
    elif one.group == devices:
      over = "all chips"
    elif one.group == devices // fsdp:
      over = "chips that hold the same part of the weights"
    rows.setdefault((one.kind, over), Exchange(one.kind, over)).add(one)
  return list(rows.values())


def findings(steps: Sequence[Mapping[str, Any]]) -> list[str]:
  """What is not flat within 5 % from the first of the steps to the last, and why; none if all is.

  A step has `devices`, `memory`, `bytes_used_per_chip` and the `exchanges` of one size of a slice.
  """
  first = steps[0]
  last = steps[-1]
  said = []
  if not _flat(first["bytes_used_per_chip"], last["bytes_used_per_chip"]):
    was, now = (step["memory"] for step in (first, last))
    kind = max(now, key=lambda name: abs(now[name] - was.get(name, 0)))
    change = _change("memory", first["bytes_used_per_chip"], last["bytes_used_per_chip"])
    said.append(f"{change}: most of the change is in {kind.replace('_', ' ')}.")
  total = max(sum(one.sent for one in step["exchanges"]) for step in steps)
  before = {(one.kind, one.over): one for one in first["exchanges"]}
  after = {(one.kind, one.over): one for one in last["exchanges"]}
  for key in sorted(before | after):
    was = before.get(key, Exchange(*key))
    now = after.get(key, Exchange(*key))
    # What moves less than a hundredth of all bytes is no finding.
    if max(was.sent, now.sent) > 0.01 * total and not _flat(was.sent, now.sent):
      growth = last["devices"] / first["devices"]
      said.append(f"{_change(' over '.join(key), was.sent, now.sent)}: {_why(was, now, growth)}.")
  return said


def _flat(was: float, now: float) -> bool:
  return abs(now - was) <= FLAT * max(was, 1)


def _change(name: str, was: float, now: float) -> str:
  return f"{name}: {was / 2**20:,.1f} MiB become {now / 2**20:,.1f}"


def _why(was: Exchange, now: Exchange, growth: float) -> str:
  """Why an exchange sends more or less with `growth` times as many chips."""
  where = f" (the largest is from {now.origin or was.origin or 'no named place'})"
  if not was.sent or not now.sent:
    return "the compiler exchanges something in another way" + where
  if _flat(was.arrays, now.arrays):
    return "the arrays stay the same, but a larger ring sends a larger share of them" + where
  if now.arrays > was.arrays * max(growth / 2, 1 + FLAT):
    return (
      "the arrays grow with the batch, as a loss over all pairs exchanges the vectors of all"
      + where
    )
  return "the arrays change by something else than the batch" + where
