"""A GPU's kernel takes as long as its bytes or its products, and its start."""

import pytest

from labse_jax.planning.chips import Chip, Speed
from labse_jax.planning.hlo import gpu_time
from labse_jax.planning.hlo.program import Program

SPEED = Speed(1000.0, 1000.0, "made up", products={"bf16": 1e4, "f32": 1e3}, start=2.0)
CHIP = Chip(0, 0, 1e4, "made up", SPEED)


def priced(line):
  text = f"""HloModule f

ENTRY %main (a: bf16[8,16]) -> f32[8,4] {{
  %a = bf16[8,16]{{1,0}} parameter(0)
  %b = f32[8,16]{{1,0}} parameter(1)
  %c = f64[8,16]{{1,0}} parameter(2)
  %q = bf16[1,4,1,64]{{3,2,1,0}} parameter(3)
  %y = {line}
}}
"""
  program = Program(text)
  (executed,) = program.executed
  return gpu_time.pricer(CHIP)(program, executed)


def matmul(operand):
  return (
    f"(f32[8,8]{{1,0}}, s8[999]{{0}}) custom-call(%{operand}, %{operand}), "
    'custom_call_target="__cublas$lt$matmul", backend_config={"lhs_contracting_dimensions":["1"]}'
  )


FLOPS = 2 * 8 * 8 * 16


@pytest.mark.parametrize(
  ("line", "seconds", "basis"),
  [
    ("f32[8,16]{1,0} negate(%b)", 2 + 1.024, "roofline"),
    (matmul("a"), 2 + (2 * 256 + 256) / 1000, "roofline"),  # By its bytes.
    (matmul("b"), 2 + FLOPS / 1e3, "roofline"),  # By its products.
    (matmul("c"), 2 + 2 * 1024 / 1e3 + 0.256, "roofline"),
    ("f32[8,16]{1,0} sort(%b), dimensions={0}", 2 + 1.024, "own roofline"),
    (
      'bf16[1,4,1,64]{3,2,1,0} custom-call(%q), custom_call_target="__cudnn$fmhaSoftmax"',
      2 + 2 * 512 / 1000,
      "own roofline",
    ),
  ],
)
def test_the_price_of_a_kernel(line, seconds, basis):
  made = priced(line)
  assert (made.seconds, made.basis) == (pytest.approx(seconds), basis)


def test_attention_of_long_rows_takes_as_long_as_its_products():
  lines = (
    "HloModule f\n",
    "ENTRY %main (r: f32[1]) -> f32[1] {",
    "  %r = bf16[1,64,1,8]{3,2,1,0} parameter(0)",
    '  %y = f32[1]{0} custom-call(%r), custom_call_target="__cudnn$fmhaSoftmax"',
    "}",
  )
  program = Program("\n".join(lines))
  made = gpu_time.pricer(CHIP)(program, program.executed[0])
  assert made.seconds == pytest.approx(2 + 2 * 2 * 64 * 64 * 8 / 1e4)


def test_without_speeds_there_is_no_price():
  with pytest.raises(ValueError, match="no speed is known"):
    gpu_time.pricer(Chip(0, 0, 1.0, "made up"))
