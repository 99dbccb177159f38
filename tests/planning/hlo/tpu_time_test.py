"""A TPU's kernel takes as long as its cycles or its bytes; what has no cycles is marked."""

import pytest

from labse_jax.planning.chips import Chip, Speed
from labse_jax.planning.hlo import tpu_time
from labse_jax.planning.hlo.program import Program
from tests.support import splash_text

# 1,000 cycles, bytes and operations of products a second.
CHIP = Chip(0, 0, 1000.0, "made up", Speed(1000.0, 1000.0, "made up", clock=1000.0))
CYCLES = 'backend_config={"estimated_cycles":"%d"}'


def priced(line):
  text = f"""HloModule f

ENTRY %main (p: f32[64]) -> f32[64] {{
  %p = f32[64]{{0}} parameter(0)
  %y = {line}
}}
"""
  program = Program(text)
  (executed,) = program.executed
  return tpu_time.pricer(CHIP)(program, executed)


@pytest.mark.parametrize(
  ("line", "seconds", "basis"),
  [
    (f"f32[64]{{0}} negate(%p), {CYCLES % 4000}", 4.0, "compiler"),
    (f"f32[64]{{0}} negate(%p), {CYCLES % 4}", 0.512, "compiler"),
    ("f32[64]{0} negate(%p)", 0.512, "roofline"),
    ("f32[64]{0} sort(%p), dimensions={0}", 0.512, "own roofline"),
    ('f32[64]{0} custom-call(%p), custom_call_target="EighTpu"', 0.512, "own roofline"),
    ('f32[64]{0} custom-call(%p), custom_call_target="ConcatBitcast"', 0.0, "roofline"),
  ],
)
def test_the_price_of_a_kernel(line, seconds, basis):
  made = priced(line)
  assert (made.seconds, made.basis) == (pytest.approx(seconds), basis)


def test_attention_takes_as_long_as_its_products_with_heads_that_fill_a_matrix_unit():
  program = Program(splash_text.TEXT)
  price = tpu_time.pricer(CHIP)
  priced = {one.instruction.name: price(program, one) for one in program.executed}
  # A product of B H L L K, where K is 128 and not 64, at 1,000 operations a second.
  product = 2 * 64 * 12 * 512 * 512 * 128 / 1000
  times = {
    "splash_mha_fwd_segmented_residuals.16": 2,
    "splash_mha_dq_segmented_no_residuals.10": 3,
    "splash_mha_dkv_segmented_no_residuals.10": 4,
  }
  for name, products in times.items():
    made = priced[name]
    assert (made.seconds, made.basis) == (pytest.approx(products * product), "own roofline")
  assert priced["copy.105"].basis == "compiler"


def test_without_a_clock_there_is_no_price():
  with pytest.raises(ValueError, match="no clock is known"):
    tpu_time.pricer(Chip(0, 0, 1.0, "made up"))
