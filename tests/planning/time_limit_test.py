"""The limit of a step: all kernels' seconds, what they are for, and the MFU that they allow."""

import re

import pytest

from labse_jax.planning.chips import GPUS, TPUS, Chip
from labse_jax.planning.hlo.kernels import CATEGORIES
from labse_jax.planning.hlo.program import Program
from labse_jax.planning.time_limit import time_limit
from tests.support import splash_text

V5E = TPUS["TPU v5 lite"]
CLOCK = V5E.speed.clock
TEXT = """HloModule f, num_partitions=2

ENTRY %main (p: f32[8]) -> f32[8] {
  %p = f32[8]{0} parameter(0)
  %k = f32[8]{0} copy(%p), backend_config={"estimated_cycles":"1000"}
  %n = f32[8]{0} negate(%k), backend_config={"estimated_cycles":"3000"}
  %g = f32[16]{0} all-gather(%n), dimensions={0}, replica_groups={{0,1}}
  %e = f32[8]{0} custom-call(%n), custom_call_target="EighTpu"
  %f = f32[8]{0} custom-call(%n), custom_call_target="EighTpu"
}
"""


def test_seconds_by_category_add_up_to_the_step():
  made = time_limit(Program(TEXT), V5E, "tpu", useful_flops=1e6)
  by_category = made["limit_by_category"]
  assert list(by_category) == list(CATEGORIES)
  assert by_category["copies"] == pytest.approx(1000 / CLOCK)
  assert by_category["collectives"] == pytest.approx(32 / V5E.speed.link)
  assert sum(by_category.values()) == pytest.approx(made["step_seconds_limit"])
  assert sum(made["limit_by_basis"].values()) == pytest.approx(made["step_seconds_limit"])
  assert made["mfu_limit"] == pytest.approx(1e6 / made["step_seconds_limit"] / V5E.peak)
  # Four kernels read and write 32 bytes each. The collective does not count.
  assert made["memory_traffic"] == 4 * 64


def test_kernels_that_nobody_estimates_are_marked():
  made = time_limit(Program(TEXT), V5E, "tpu", useful_flops=1e6)
  (row,) = made["own_rooflines"]
  assert made["kernels_in_loops_of_unknown_length"] == 0
  assert (row["kernel"], row["times"], row["category"]) == ("EighTpu", 2, "other")
  assert row["seconds"] == pytest.approx(2 * 64 / V5E.speed.memory)


def test_kernels_of_pallas_are_told_apart():
  made = time_limit(Program(splash_text.TEXT), V5E, "tpu", useful_flops=1e6)
  names = [row["kernel"] for row in made["own_rooflines"]]
  assert sorted(names) == [
    "splash_mha_dkv_segmented_no_residuals",
    "splash_mha_dq_segmented_no_residuals",
    "splash_mha_fwd_segmented_residuals",
  ]
  assert {row["category"] for row in made["own_rooflines"]} == {"attention"}
  # The copy has the compiler's cycles.
  assert made["limit_by_category"]["copies"] == pytest.approx(1_292_288 / CLOCK)
  nameless = re.sub(r"metadata=\{op_name=[^}]*\}", "", splash_text.TEXT)
  made = time_limit(Program(nameless), V5E, "tpu", useful_flops=1e6)
  assert [row["kernel"] for row in made["own_rooflines"]] == ["tpu_custom_call"]


@pytest.mark.parametrize(
  ("program", "chip"),
  [(None, V5E), (Program(TEXT), None), (Program(TEXT), Chip(1, 1, 1e12, "of no known speed"))],
)
def test_without_a_program_or_a_speed_nothing_is_said(program, chip):
  made = time_limit(program, chip, "tpu", useful_flops=1e6)
  assert set(made.values()) == {None}
  assert made.keys() == time_limit(Program(TEXT), V5E, "tpu", 1e6).keys()


def test_the_same_program_takes_another_time_on_a_gpu():
  made = time_limit(Program(TEXT), GPUS["NVIDIA H100"], "gpu", useful_flops=1e6)
  # Four kernels, each of which starts.
  assert made["step_seconds_limit"] > 4 * 2.5e-6
