"""What is not flat as a slice grows, and the reason that is given."""

import pytest

from labse_jax.planning.collectives import Collective
from labse_jax.planning.scaling import Exchange, exchanges, findings

MB = 2**20


def sent(kind, group, size, times=1, origin=""):
  share = {"all-reduce": 2 * (group - 1) / group}.get(kind, (group - 1) / group)
  return Collective(kind, "f32[1]", group, round(size * share), times, origin=origin)


def step(devices, *found, memory=100 * MB, fsdp=4):
  rows = exchanges(found, fsdp, devices)
  of_kind = {"parameters": 50 * MB, "temporaries": memory - 50 * MB}
  return {
    "devices": devices,
    "bytes_used_per_chip": memory,
    "memory": of_kind,
    "exchanges": rows,
  }


def test_collectives_are_added_up_by_kind_and_by_who_takes_part():
  found = [
    sent("all-gather", 4, 8 * MB, times=3, origin="up"),
    sent("all-gather", 4, 16 * MB, origin="down"),
    sent("all-reduce", 8, 4 * MB),
    sent("all-reduce", 32, MB),
    sent("all-to-all", 2, MB),
    sent("all-reduce", 1, MB),  # With itself a chip exchanges nothing.
  ]
  gathers, sums, alls, some = exchanges(found, fsdp=4, devices=32)
  assert gathers.over == "chips that share a copy of the weights"
  assert (gathers.sent, gathers.arrays, gathers.origin) == (30 * MB, 40 * MB, "up")
  assert sums.over == "chips that hold the same part of the weights"
  assert (alls.over, some.over) == ("all chips", "some chips")


def test_what_is_flat_within_5_percent_is_no_finding():
  gather = sent("all-gather", 4, 100 * MB)
  steps = [step(8, gather), step(64, gather, sent("all-gather", 4, 4 * MB), memory=104 * MB)]
  assert findings(steps) == []


@pytest.mark.parametrize(
  ("before", "after", "words"),
  [
    (
      sent("all-gather", 8, 10 * MB, origin="loss/all_gather"),
      sent("all-gather", 64, 80 * MB, origin="loss/all_gather"),
      "all-gather over all chips: 8.8 MiB become 78.8: the arrays grow with the batch, as a loss "
      "over all pairs exchanges the vectors of all (the largest is from loss/all_gather).",
    ),
    (
      sent("all-reduce", 2, 100 * MB),
      sent("all-reduce", 16, 100 * MB),
      "the arrays stay the same, but a larger ring sends a larger share of them (the largest is "
      "from no named place).",
    ),
    (sent("all-gather", 4, 10 * MB), None, "exchanges something in another way"),
    (
      sent("all-gather", 4, 10 * MB),
      sent("all-gather", 4, 15 * MB),
      "the arrays change by something else than the batch",
    ),
  ],
  ids=["batch", "ring", "gone", "unknown"],
)
def test_the_reason_of_a_change(before, after, words):
  steps = [step(8, before), step(64, *filter(None, [after]))]
  (said,) = findings(steps)
  assert words in said


def test_more_memory_is_told_with_the_kind_that_grows():
  steps = [step(8), step(64, memory=150 * MB)]
  assert findings(steps) == [
    "memory: 100.0 MiB become 150.0: most of the change is in temporaries."
  ]


def test_what_hardly_moves_is_no_finding():
  large = sent("all-gather", 4, 1000 * MB)
  steps = [
    step(8, large, sent("all-reduce", 8, MB)),
    step(64, large, sent("all-reduce", 64, 3 * MB)),
  ]
  assert findings(steps) == []
  assert Exchange("all-gather", "all chips").sent == 0
