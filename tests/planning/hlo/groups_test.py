"""The chips of a collective, in every way of writing groups."""

import pytest

from labse_jax.planning.hlo.groups import first_group


@pytest.mark.parametrize(
  ("groups", "chips"),
  [
    ("{{0,1,2,3},{4,5,6,7}}", (0, 1, 2, 3)),
    ("{{4,0},{5,1},{6,2},{7,3}}", (0, 4)),
    ("{}", (0, 1, 2, 3, 4, 5, 6, 7)),
    ("[2,4]<=[8]", (0, 1, 2, 3)),
    ("[4,2]<=[2,4]T(1,0)", (0, 4)),
    ("[2,4]<=[2,2,2]T(2,0,1)", (0, 2, 4, 6)),
    ("mesh['data'=2,'fsdp'=4] {'fsdp'}", (0, 1, 2, 3)),
    ("mesh['data'=2,'fsdp'=4] {'data'}", (0, 4)),
    ("mesh['a'=4,'b'=2], device_ids=([2,4]T(1,0)) {'a'}", (0, 1, 2, 3)),
    ("mesh['a'=4,'b'=1,'c'=2] {'a','c'}", (0, 1, 2, 3, 4, 5, 6, 7)),
    ("mesh['a'=8] {'a':(2)4}", (0, 1, 2, 3)),
    ("mesh['a'=8] {'a':(1)2}", (0, 4)),
    ("mesh['a'=8] {'a':(1)2,'a':(4)2}", (0, 1, 4, 5)),
  ],
)
def test_every_way_of_writing_groups(groups, chips):
  assert first_group(f", replica_groups={groups}, use_global_device_ids=true", 8) == chips


@pytest.mark.parametrize(
  ("pairs", "chips"),
  [
    ("{{0,1},{1,2},{2,3},{3,0},{4,5},{5,6},{6,7},{7,4}}", (0, 1, 2, 3)),
    ("{{0,4},{4,0},{1,5},{5,1}}", (0, 4)),
    ("{{3,2},{2,1},{1,0}}", (0, 1, 2, 3)),
  ],
)
def test_of_a_permute_those_that_send_to_each_other(pairs, chips):
  assert first_group(f", channel_id=2, source_target_pairs={pairs}, metadata={{}}", 8) == chips


def test_where_nothing_is_written_all_take_part():
  assert first_group(", to_apply=%add", 3) == (0, 1, 2)
