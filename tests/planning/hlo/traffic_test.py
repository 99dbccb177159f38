"""Bytes that an instruction moves in the main memory, counted by hand."""

import pytest

from labse_jax.planning.hlo.program import Program
from labse_jax.planning.hlo.traffic import bytes_of

KB = 1024
FUSED = """%slices (a: f32[64,256], i: s32[]) -> f32[1,256] {
  %a = f32[64,256]{1,0} parameter(0)
  %i = s32[] parameter(1)
  %b = f32[64,256]{1,0} bitcast(%a)
  ROOT %s = f32[1,256]{1,0} dynamic-slice(%b, %i, %i), dynamic_slice_sizes={1,256}
}

%writes (a: f32[64,256], u: f32[1,256], i: s32[]) -> f32[64,256] {
  %a = f32[64,256]{1,0} parameter(0)
  %u = f32[1,256]{1,0} parameter(1)
  %i = s32[] parameter(2)
  ROOT %d = f32[64,256]{1,0} dynamic-update-slice(%a, %u, %i, %i)
}

%both (a: f32[64,256]) -> (f32[64,256], f32[64,256]) {
  %a = f32[64,256]{1,0} parameter(0)
  %n = f32[64,256]{1,0} negate(%a)
  ROOT %t = (f32[64,256]{1,0}, f32[64,256]{1,0}) tuple(%n, %a)
}

%passes (a: f32[64,256], b: f32[64,256]) -> (f32[64,256], f32[64,256]) {
  %a = f32[64,256]{1,0} parameter(0)
  %b = f32[64,256]{1,0} parameter(1)
  %n = f32[64,256]{1,0} negate(%a)
  ROOT %t = (f32[64,256]{1,0}, f32[64,256]{1,0}) tuple(%n, %b)
}

%sends (g: f32[16,256], a: f32[64,256]) -> (f32[64,256], f32[64,256]) {
  %g = f32[16,256]{1,0} parameter(0)
  %a = f32[64,256]{1,0} parameter(1)
  %n = f32[64,256]{1,0} negate(%a)
  %all = f32[64,256]{1,0} all-gather(%g), dimensions={0}
  ROOT %t = (f32[64,256]{1,0}, f32[64,256]{1,0}) tuple(%n, %all)
}

%begins (g: f32[16,256]) -> (f32[64,256], u32[]) {
  %g = f32[16,256]{1,0} parameter(0)
  %all = f32[64,256]{1,0} all-gather(%g), dimensions={0}
  ROOT %c = (f32[64,256]{1,0}, u32[]) custom-call(%all), custom_call_target="AsyncCollectiveStart"
}

"""


def moved(line):
  text = f"""HloModule jit_f

{FUSED}ENTRY %main (x: f32[64,256]) -> f32[64,256] {{
  %x = f32[64,256]{{1,0}} parameter(0)
  %near = f32[64,256]{{1,0:S(1)}} parameter(1)
  %row = f32[1,256]{{1,0}} parameter(2)
  %i = s32[] parameter(3)
  %part = f32[16,256]{{1,0}} parameter(4)
  %y = {line}
}}
"""
  program = Program(text)
  (executed,) = program.executed
  return bytes_of(program, executed)


@pytest.mark.parametrize(
  ("line", "size"),
  [
    ("f32[64,256]{1,0} negate(%x)", 128 * KB),
    ("f32[64,256]{1,0:S(1)} negate(%x)", 64 * KB),  # What lies on the chip is free.
    ("f32[64,256]{1,0:S(1)} negate(%near)", 0),
    ("f32[64,256]{1,0} add(%x, %near)", 128 * KB),
    ("f32[64,256]{1,0} iota(), iota_dimension=0", 0),
    ("f32[1,256]{1,0} dynamic-slice(%x, %i, %i)", 2 * KB),
    ("f32[64,256]{1,0} dynamic-update-slice(%x, %row, %i, %i)", 2 * KB),
    ("f32[1,256]{1,0} fusion(%x, %i), kind=kLoop, calls=%slices", 2 * KB + 4),
    ("f32[64,256]{1,0} fusion(%x, %row, %i), kind=kLoop, calls=%writes", 2 * KB + 4),
    # The second result is the operand, which is only passed on.
    (
      "(f32[64,256]{1,0}, f32[64,256]{1,0}) fusion(%x), kind=kLoop, calls=%both",
      128 * KB,
    ),
    # So is the second operand, which is not even read.
    (
      "(f32[64,256]{1,0}, f32[64,256]{1,0}) fusion(%x, %x), kind=kLoop, calls=%passes",
      128 * KB,
    ),
    # What a fusion sends beside its own work is no traffic in the memory.
    (
      "(f32[64,256]{1,0}, f32[64,256]{1,0}) fusion(%part, %x), kind=kLoop, calls=%sends",
      128 * KB,
    ),
    ("(f32[64,256]{1,0}, u32[]) fusion(%part), kind=kCustom, calls=%begins", 0),
    # A move between the chip and the memory; its third element is bookkeeping.
    ("(f32[64,256]{1,0}, f32[64,256]{1,0:S(1)}, u32[]) copy-start(%x)", 64 * KB),
    ("f32[64,256]{1,0} copy-done(%x)", 0),
    # A collective does not count, whether something runs beside it or not.
    ("(f32[64,256], f32[64,256]) all-gather-start(%x), dimensions={0}", 0),
    ("f32[64,256] all-gather(%x), dimensions={0}", 0),
    ("f32[64,256] all-reduce(%x), to_apply=%add", 0),
    # A library call need not fill its room to work in.
    ('(f32[64,256]{1,0}, s8[4096]{0}) custom-call(%x), custom_call_target="__cublas"', 128 * KB),
    ('f32[64,256]{1,0} custom-call(), custom_call_target="AllocateBuffer"', 0),
  ],
)
def test_bytes_of_one_instruction(line, size):
  assert moved(line) == size
