"""A TPU's kernel takes as long as its cycles or its bytes; what has no cycles is marked."""

import pytest

from labse_jax.planning.chips import Chip, Speed
from labse_jax.planning.hlo import tpu_time
from labse_jax.planning.hlo.program import Program

# 1,000 cycles, bytes and operations of products a second.
CHIP = Chip(0, 0, 1000.0, "made up", Speed(1000.0, 1000.0, "made up", clock=1000.0))
CYCLES = 'backend_config={"estimated_cycles":"%d"}'


def priced(line):
  text = f"""HloModule f

ENTRY %main (p: f32[64]) -> f32[64] {{
  %p = f32[64]{{0}} parameter(0)
  %q = bf16[1,1,2,5]{{3,2,1,0}} parameter(1)
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
    # Two products of B H L L K, at 1,000 operations a second: 2 * 2 * 20 / 1000; its bytes: 40.
    (
      'bf16[1,1,2,5]{3,2,1,0} custom-call(%q, %q, %q), custom_call_target="tpu_custom_call", '
      'metadata={op_name="attention/splash_mha_fwd"}',
      0.08,
      "own roofline",
    ),
  ],
)
def test_the_price_of_a_kernel(line, seconds, basis):
  made = priced(line)
  assert (made.seconds, made.basis) == (pytest.approx(seconds), basis)


def test_without_a_clock_there_is_no_price():
  with pytest.raises(ValueError, match="no clock is known"):
    tpu_time.pricer(Chip(0, 0, 1.0, "made up"))
