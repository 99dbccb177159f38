"""A plan as a person reads it, of a made-up plan with every kind of row."""

import pytest

from labse_jax.planning.chips import GIB
from labse_jax.planning.table import KINDS, amount, flops, page, seconds


@pytest.fixture
def plan():
  return {
    "topology": "v3:2x2",
    "platform": "tpu",
    "device_kind": "TPU v3",
    "devices": 8,
    "mesh": {"data": 4, "fsdp": 2},
    "batch_rows": 80,
    "rows_per_chip": 10,
    "attention": "splash",
    "remat": True,
    "unroll": False,
    "versions": {"jax": "1.2", "jaxlib": "1.2", "libtpu": "3.4"},
    "memory": {kind: place * 2**20 for place, kind in enumerate(KINDS, 1)},
    "bytes_used_per_chip": 28 * 2**20,
    "bytes_usable_per_chip": 15 * GIB,
    "bytes_per_chip": 16 * GIB,
    "fits": True,
    "refused": None,
    "flops_per_step": 8e12,
    "flops_per_chip": 1e12,
    "flops_by_type": {"bfloat16": 6e12, "float32 highest": 2e12},
    "peak_flops_per_chip": 61.5e12,
    "seconds_at_peak": 1 / 61.5,
    "step_seconds_limit": 0.05,
    "mfu_limit": 0.2468,
    "memory_traffic": 7 * GIB,
    "limit_by_category": {"products": 0.03, "attention": 0.02, "norms": 0.0},
    "kernels_in_loops_of_unknown_length": 0,
    "own_rooflines": [
      {"kernel": "splash_mha_fwd", "category": "attention", "times": 12, "seconds": 0.004},
      {"kernel": "EighTpu", "category": "other", "times": 2, "seconds": 1e-9},
    ],
    "collective_bytes": {"all-gather": 3 * 2**20, "all-reduce": 0},
    "collectives_in_loops_of_unknown_length": 0,
    "largest_collectives": [
      {"kind": "all-gather", "shape": "f32[8]" * 20, "chips": 8, "times": 2, "bytes": 3 * 2**20}
    ],
    "largest_batch": None,
  }


def test_it_says_all_that_is_known(plan):
  text = page(plan)
  for words in (
    "8 x TPU v3 (v3:2x2; mesh: data 4, fsdp 2), a batch of 80 rows: 10 a chip",
    "Attention: splash; activations: computed again (remat); layers: a loop (no unroll).",
    "by the compiler of libtpu 3.4 for jax 1.2; nothing was run",
    "activations and gradients, at the peak",
    "28.00 MiB",
    "what a chip can give (of its 16.00 GiB)",
    "It fits.",
    "8.00 TFLOP",
    "time at the peak of 61.5 TFLOP/s in bfloat16",
    "16.3 ms",
    "read and written in a chip's memory, without collectives",
    "25% of it is float32 in full precision",
    "all-gather f32[8]f32",
    "..., 8 chips, 2x",
    "products with weights",
    "30 ms  60%",
    "MFU at best",
    "24.7%",
    "of it 4 ms for 12x splash_mha_fwd, by its bytes or its products alone.",
  ):
    assert words in text, words
  for words in ("all-reduce", "Largest batch", "layer norms", "EighTpu", "rows a chip\n"):
    assert words not in text
  assert max(len(line) for line in text.splitlines()) <= 110


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"fits": None, "bytes_usable_per_chip": None}, "What fits is not known here."),
    ({"fits": False, "refused": "Ran out"}, "IT DOES NOT FIT.\n  The compiler refused: Ran out"),
    ({"collective_bytes": None}, "Collectives: not known, since the compiler refused."),
    ({"collective_bytes": {"all-gather": 0}}, "Collectives: none."),
    ({"kernels_in_loops_of_unknown_length": 3}, "3 kernels stand in loops whose length"),
    ({"collectives_in_loops_of_unknown_length": 2}, "2 of them stand in loops whose length"),
  ],
)
def test_what_is_not_known_or_does_not_fit_is_said(plan, changes, words):
  assert words in page(plan | changes)


def test_without_an_estimate_no_time_is_said(plan):
  assert "Time of a step" not in page(plan | {"step_seconds_limit": None})


def test_the_compiler_of_gpus_is_named(plan):
  plan["versions"]["jax-cuda13-pjrt"] = "5.6"
  text = page(plan | {"platform": "gpu"})
  assert "by the compiler of jax-cuda13-pjrt 5.6 for jax 1.2" in text


def test_weak_scaling_is_a_table_and_what_is_not_flat(plan):
  step = {
    "bytes_used_per_chip": GIB,
    "collective_bytes": {"all-gather": 2**20},
    "refused": None,
  }
  refused = {"bytes_used_per_chip": 99 * GIB, "collective_bytes": None, "refused": "Ran out"}
  plan["scaling"] = {
    "rows_per_chip": 10,
    "flat": False,
    "findings": ["memory: it grows."],
    "steps": [
      step | {"devices": 8, "step_seconds_limit": 0.4, "mfu_limit": 0.2},
      step | {"devices": 1024, "step_seconds_limit": None, "mfu_limit": None},
      refused | {"devices": 2048, "step_seconds_limit": None, "mfu_limit": None},
    ],
  }
  text = page(plan)
  for words in (
    "With 10 rows a chip",
    "400 ms   20.0%",
    " 1,024      1.00 GiB",
    " 2,048     99.00 GiB  does not fit",
    "- memory: it grows.",
  ):
    assert words in text, words
  plan["scaling"]["flat"] = True
  assert "stay the same within 5 %." in page(plan)


@pytest.mark.parametrize(
  ("rows", "rows_per_chip", "too_many", "words"),
  [
    (80, 10, 11, "10 rows a chip; 11 do not (80 rows in all)."),
    (80, 10, None, "10 rows a chip; more was not tried (80 rows in all)."),
    (None, None, 1, "none was found; 1 rows a chip do not fit."),
  ],
)
def test_the_largest_batch_is_said(plan, rows, rows_per_chip, too_many, words):
  batch = {
    "batch_rows": rows,
    "rows_per_chip": rows_per_chip,
    "rows_per_chip_that_do_not_fit": too_many,
    "remat": plan["remat"],
  }
  text = page(plan | {"largest_batch": batch})
  assert f"Largest batch that fits: {words}" in text and "It is computed with" not in text


def test_where_the_largest_batch_needs_remat_it_is_said(plan):
  batch = {"batch_rows": 80, "rows_per_chip": 10, "rows_per_chip_that_do_not_fit": 11}
  for remat, words in ((True, "It is computed with remat."), (False, "computed without remat.")):
    changed = plan | {"remat": not remat, "largest_batch": batch | {"remat": remat}}
    assert words in page(changed)


def test_what_became_of_auto_is_said(plan):
  text = page(plan | {"attention": "cudnn", "remat": False, "unroll": True})
  assert (
    "Attention: cudnn; activations: kept (no remat); layers: each compiled by itself (unroll)."
  ) in text


def test_numbers_have_the_units_that_suit_them():
  assert [seconds(x) for x in (2.5, 0.372, 8e-7)] == ["2.5 s", "372 ms", "0.8 us"]
  assert [amount(x).split() for x in (0, 3 * 2**20, 5 * GIB)] == [
    ["0", "B"],
    ["3.00", "MiB"],
    ["5.00", "GiB"],
  ]
  assert [flops(x) for x in (7, 4e9, 1.234e15)] == ["7 FLOP", "4.00 GFLOP", "1,234.00 TFLOP"]
