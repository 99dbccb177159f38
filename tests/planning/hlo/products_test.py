"""Matrix arithmetic that a program's text shows, and that of attention in one kernel."""

import pytest

from labse_jax.planning.hlo.products import (
  has_product,
  is_attention_kernel,
  kernel_flops,
  products_of,
)
from labse_jax.planning.hlo.program import Program
from tests.support import splash_text

INSIDE = """%dots (a: bf16[8,16], b: bf16[16,4]) -> f32[8,4] {
  %a = bf16[8,16]{1,0} parameter(0)
  %b = bf16[16,4]{1,0} parameter(1)
  ROOT %d = f32[8,4]{1,0} dot(%a, %b), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}

%convolves (a: bf16[8,16]) -> f32[8,4] {
  %a = bf16[8,16]{1,0} parameter(0)
  ROOT %c = f32[8,4]{1,0} convolution(%a, %a), dim_labels=bf_io->bf
}

"""
ATTENDED = "bf16[2,128,12,64]{3,2,1,0} custom-call(%ids, %q, %q, %q)"


def executed(line):
  text = f"""HloModule jit_f

{INSIDE}ENTRY %main (a: bf16[8,16]) -> f32[8,4] {{
  %a = bf16[8,16]{{1,0}} parameter(0)
  %b = f32[3,16,4]{{2,1,0}} parameter(1)
  %ids = s32[12,4,4]{{2,1,0}} parameter(2)
  %q = bf16[2,128,12,64]{{3,2,1,0}} parameter(3)
  %y = {line}
}}
"""
  program = Program(text)
  (one,) = program.executed
  return program, one


@pytest.mark.parametrize(
  ("line", "flops"),
  [
    ("f32[8,4]{1,0} fusion(%a, %a), kind=kOutput, calls=%dots", {"bf16": 2 * 8 * 16 * 4}),
    ("f32[3,3]{1,0} dot(%b, %b), lhs_contracting_dims={1,2}", {"f32": 2 * 3 * 3 * 64}),
    (
      '(f32[8,4]{1,0}, s8[64]{0}) custom-call(%a, %b), custom_call_target="__cublas$lt$matmul", '
      'backend_config={"lhs_contracting_dimensions":["1"],"rhs_contracting_dimensions":["0"]}',
      {"bf16": 2 * 8 * 16 * 4},
    ),
    ("f32[8,4]{1,0} add(%a, %a)", {}),
  ],
)
def test_a_product_is_counted_by_its_shapes(line, flops):
  program, one = executed(line)
  assert products_of(program, one) == flops
  assert has_product(program, one.instruction) == bool(flops)


def test_a_tpus_product_is_a_convolution():
  program, one = executed("f32[8,4]{1,0} fusion(%a), kind=kOutput, calls=%convolves")
  assert has_product(program, one.instruction)


FORWARD = 2 * 2 * (2 * 12 * 128 * 128 * 64)  # Two products of B H L L K.


@pytest.mark.parametrize(
  ("named", "flops"),
  [
    ('custom_call_target="__cudnn$fmhaScaleBiasSoftmax"', FORWARD),
    ('custom_call_target="__cudnn$fmhaScaleBiasSoftmaxBackward"', FORWARD * 5 / 2),
  ],
)
def test_attention_in_one_kernel_is_counted_by_its_queries(named, flops):
  program, one = executed(f"{ATTENDED}, {named}")
  assert is_attention_kernel(one.instruction) and not has_product(program, one.instruction)
  assert kernel_flops(one) == flops


@pytest.mark.parametrize(("name", "products"), [("fwd", 2), ("dq", 3), ("dkv", 4)])
def test_pallas_kernels_are_known_by_where_they_come_from(name, products):
  program = Program(splash_text.TEXT)
  (one,) = [one for one in program.executed if f"_{name}_" in one.instruction.name]
  assert is_attention_kernel(one.instruction)
  assert kernel_flops(one) == products * 2 * 64 * 12 * 512 * 512 * 64
  assert kernel_flops(one, least_width=128) == 2 * kernel_flops(one)
  assert kernel_flops(one, least_width=32) == kernel_flops(one)


def test_other_custom_calls_are_no_attention():
  _, one = executed(f'{ATTENDED}, custom_call_target="EighTpu"')
  assert not is_attention_kernel(one.instruction)
