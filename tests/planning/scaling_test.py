"""What is not flat as a slice grows, and the reason that is given."""

import json

import pytest

from labse_jax.planning.collectives import Collective
from labse_jax.planning.scaling import Size, weak_scaling

MB = 2**20
GATHER = "jit(train_step)/jvp()/shard_map/all_gather"


def sent(kind, group, size, *, stride=1, times=1, origin=""):
  share = {"all-reduce": 2 * (group - 1) / group}.get(kind, (group - 1) / group)
  return Collective(kind, "f32[1]", group, round(size * share), times, stride=stride, origin=origin)


def size(devices, *found, memory=100 * MB):
  of_kind = {"parameters": 50 * MB, "temporaries": memory - 50 * MB}
  numbers = {"bytes_used_per_chip": memory, "memory": of_kind, "refused": None}
  return Size(devices, numbers, found)


def refused(devices):
  numbers = {"bytes_used_per_chip": 99 * MB, "memory": {}, "refused": "Ran out of memory."}
  return Size(devices, numbers, None)


def findings(*sizes, fsdp=4):
  made = weak_scaling(10, sizes, fsdp)
  assert made["flat"] == (not made["findings"])
  return made["findings"]


def places(made, step):
  """{(kind, over): bytes sent} of one step."""
  return {(one["kind"], one["over"]): one["sent"] for one in made["steps"][step]["exchanges"]}


def test_collectives_are_added_up_by_kind_and_by_who_takes_part():
  found = [
    sent("all-gather", 4, 8 * MB, times=3, origin="up"),
    sent("all-gather", 4, 16 * MB, origin="down"),
    sent("all-reduce", 8, 4 * MB, stride=4),
    sent("all-reduce", 32, MB),
    sent("all-to-all", 2, MB),
    sent("all-reduce", 1, MB),  # With itself a chip exchanges nothing.
  ]
  made = weak_scaling(10, [size(32, *found)], fsdp=4)
  json.dumps(made)
  gathers, sums, alls, some = made["steps"][0]["exchanges"]
  assert gathers["over"] == "chips that share a copy of the weights"
  assert (gathers["sent"], gathers["arrays"], gathers["origin"]) == (30 * MB, 40 * MB, "up")
  assert sums["over"] == "chips that hold the same part of the weights"
  assert (alls["over"], some["over"]) == ("all chips", "some chips")


def test_groups_of_one_size_are_told_apart_by_where_their_chips_stand():
  """16 chips are four copies of four parts each; 64 are sixteen copies."""
  weights = sent("all-reduce", 4, 100 * MB)
  small = size(16, weights, sent("all-reduce", 4, 400 * MB, stride=4))
  large = size(64, weights, sent("all-reduce", 16, 320 * MB, stride=4))
  made = weak_scaling(10, [small, large], fsdp=4)
  assert places(made, 0) == {
    ("all-reduce", "chips that share a copy of the weights"): 150 * MB,
    ("all-reduce", "chips that hold the same part of the weights"): 600 * MB,
  }
  assert made["findings"] == []


def test_where_all_chips_share_one_copy_the_other_sizes_tell_groups_apart():
  """The weights are gathered by 8 chips at every size; the vectors by all, in a loop or not."""
  weights = sent("all-gather", 8, 100 * MB, origin="bert/all_gather")
  vectors = sent("all-gather", 8, 8 * MB, origin=GATHER)
  looped = GATHER.replace("shard_map/", "shard_map/while/body/closed_call/")
  more = [
    size(n, weights, sent("all-gather", n, n * MB, origin=origin))
    for n, origin in ((64, looped), (128, looped))
  ]
  made = weak_scaling(10, [size(8, weights, vectors), *more], fsdp=8)
  for step, devices in enumerate((8, 64, 128)):
    assert places(made, step) == {
      ("all-gather", "chips that share a copy of the weights"): weights.sent,
      ("all-gather", "all chips"): (devices - 1) * MB,
    }
  (said,) = made["findings"]
  assert said.startswith(
    "all-gather over all chips: 7.0 MiB with 8 chips become 127.0 MiB with 128"
  )


def test_what_is_flat_within_5_percent_is_no_finding():
  gather = sent("all-gather", 4, 100 * MB)
  assert not findings(
    size(8, gather), size(64, gather, sent("all-gather", 4, 4 * MB), memory=104 * MB)
  )


@pytest.mark.parametrize(
  ("before", "after", "words"),
  [
    (
      sent("all-gather", 8, 10 * MB, origin="loss/all_gather"),
      sent("all-gather", 64, 80 * MB, origin="loss/all_gather"),
      "all-gather over all chips: 8.8 MiB with 8 chips become 78.8 MiB with 64 chips: the arrays "
      "grow with the batch, as the vectors in a loss over all pairs do (the largest is from "
      "loss/all_gather).",
    ),
    (
      sent("all-reduce", 2, 100 * MB, stride=4),
      sent("all-reduce", 16, 100 * MB, stride=4),
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
  (said,) = findings(size(8, before), size(64, *filter(None, [after])))
  assert words in said


def test_a_single_copy_of_the_weights_has_nothing_to_sum_with_others():
  sums = sent("all-reduce", 8, 100 * MB, stride=4)
  (said,) = findings(size(4), size(32, sums))
  assert said.endswith("with 4 chips there is only one copy of the weights.")


def test_a_long_place_is_cut():
  origins = ":".join(["jit(train_step)/transpose(jvp(SentenceModel))/reduce_sum"] * 30)
  (said,) = findings(size(8), size(32, sent("all-reduce", 32, MB, origin=origins)))
  assert "(the largest is from jit(train_step)/" in said and len(said) < 300


def test_more_memory_is_told_with_the_kind_that_grows():
  assert findings(size(8), size(64, memory=150 * MB)) == [
    "memory: 100.0 MiB with 8 chips become 150.0 MiB with 64 chips: most of the change is in "
    "temporaries."
  ]


def test_sizes_between_the_first_and_the_last_count():
  gather = [sent("all-gather", 4, number * MB) for number in (100, 130, 100)]
  sizes = [size(n, one) for n, one in zip((8, 16, 32), gather, strict=True)]
  (said,) = findings(*sizes)
  assert "75.0 MiB with 8 chips become 97.5 MiB with 16 chips" in said
  (said,) = findings(size(8), size(16, memory=60 * MB), size(32))
  assert said.startswith("memory: 100.0 MiB with 8 chips become 60.0 MiB with 16 chips")
  # Each is within 5 % of the first, but not of each other.
  assert findings(size(8), size(16, memory=96 * MB), size(32, memory=104 * MB))


def test_what_hardly_moves_is_no_finding():
  large = sent("all-gather", 4, 1000 * MB)
  few = size(8, large, sent("all-reduce", 8, MB))
  assert not findings(few, size(64, large, sent("all-reduce", 64, 3 * MB)))


def test_a_size_that_does_not_fit_is_a_finding_and_the_others_are_compared():
  sizes = [size(8), refused(16), size(32, memory=200 * MB)]
  does_not_fit, memory = findings(*sizes)
  assert does_not_fit == "16 chips: the step does not fit: Ran out of memory."
  assert memory.startswith("memory: 100.0 MiB with 8 chips become 200.0 MiB with 32 chips")
  assert findings(refused(8), size(16)) == ["8 chips: the step does not fit: Ran out of memory."]
