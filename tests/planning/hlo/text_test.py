"""A compiled program's text is read as XLA writes it."""

import pytest

from labse_jax.planning.hlo.text import Array, arrays_of, elements, parse
from tests.support import splash_text

TEXT = """HloModule jit_f, is_scheduled=true

%inside (x: f32[2]) -> f32[2] {
  %x = f32[2]{0} parameter(0)
  ROOT %twice = f32[2]{0} add(%x, %x), metadata={op_name="jit(f)/add" stack_frame_id=3}
}

ENTRY %main.1 (p: f32[2]) -> (f32[2], s32[]) {
  %p = f32[2]{0} parameter(0)
  %one = s32[] constant(1)
  %call = (f32[2]{0}, s8[64]{0}) custom-call(%p, /*index=1*/%one), custom_call_target="__cublas"
  %f = f32[2]{0} fusion(%p), kind=kLoop, calls=%inside
  %c = f32[2]{0} conditional(%one, %f, %f), branch_computations={%inside, %inside.2}
  %d = f32[2]{0} conditional(%one, %f), true_computation=%inside, false_computation=%other
  ROOT %t = (f32[2]{0}, s32[]) tuple(%f, %one)
}
"""


@pytest.fixture
def main():
  return parse(TEXT)[0]["main.1"]


def test_each_computation_has_its_instructions(main):
  computations, entry = parse(TEXT)
  assert entry == "main.1" and list(computations) == ["inside", "main.1"]
  assert list(main) == ["p", "one", "call", "f", "c", "d", "t"]
  assert [one.is_root for one in main.values()] == [False] * 6 + [True]


def test_an_instruction_says_what_it_is(main):
  call = main["call"]
  assert (call.operation, call.operands, call.target) == ("custom-call", ("p", "one"), "__cublas")
  assert [array.dtype for array in call.arrays] == ["f32", "s8"]
  assert main["one"].inside == "1" and main["f"].target == ""
  inside, _ = parse(TEXT)
  assert inside["inside"]["twice"].op_name == "jit(f)/add" and main["f"].op_name == ""


def test_the_computations_that_an_attribute_names(main):
  assert main["f"].named("calls") == ["inside"]
  assert main["c"].named("branch_computations") == ["inside", "inside.2"]
  assert main["d"].named("true_computation", "false_computation") == ["inside", "other"]
  assert main["p"].named("calls") == []


def test_an_instruction_that_libtpu_breaks_into_lines_is_whole():
  computations, entry = parse(splash_text.TEXT)
  main = computations[entry]
  kernels = [one for one in main.values() if one.target == "tpu_custom_call"]
  assert [one.name.split("_")[2] for one in kernels] == ["fwd", "dq", "dkv"]
  assert all(one.op_name.endswith("/pallas_call") for one in kernels)
  assert all("needs_layout_passes" in one.rest for one in kernels)
  assert "estimated_cycles" in main["copy.105"].rest
  assert main["last"].is_root


def test_a_brace_in_a_string_opens_nothing():
  metadata = r'metadata={op_name="a { \" {"}'
  text = (
    f"ENTRY %m (p: f32[]) -> f32[] {{\n  %x = f32[] add(%p, %p), {metadata}\n  %y = f32[] copy(%x)"
  )
  assert list(parse(text)[0]["m"]) == ["x", "y"]


@pytest.mark.parametrize(
  ("text", "size", "padded", "main_size"),
  [
    ("f32[3,5]", 60, 60, 60),
    ("f32[3,5]{1,0:T(8,128)}", 60, 8 * 128 * 4, 8 * 128 * 4),
    ("f32[3,5]{0,1:T(8,128)}", 60, 8 * 128 * 4, 8 * 128 * 4),
    ("bf16[2,12,128,64]{2,3,1,0:T(8,128)(2,1)}", 393_216, 393_216, 393_216),
    ("bf16[2,12,128,64]{3,2,1,0:T(8,128)(2,1)}", 393_216, 786_432, 786_432),
    ("f32[8,128]{1,0:T(8,128)S(1)}", 4096, 4096, 0),
    ("pred[]", 1, 1, 1),
    ("s4[3]{0}", 2, 1.5, 1.5),
    ("f8e4m3fn[16]{0}", 16, 16, 16),
    ("token[]", 0, 0, 0),
  ],
)
def test_bytes_of_an_array_with_its_tiles_and_where_it_lies(text, size, padded, main_size):
  (array,) = arrays_of(text)
  assert (array.size, array.padded_size, array.main_size) == (size, padded, main_size)


def test_what_is_no_program_is_refused():
  with pytest.raises(ValueError, match="no size is known"):
    _ = Array("thing", (2,), "").bits
  with pytest.raises(ValueError, match="No operation"):
    parse("ENTRY %m (p: f32[]) -> f32[] {\n  %x = f32[] nothing here\n}")
  with pytest.raises(ValueError, match="never closed"):
    parse("ENTRY %m (p: f32[]) -> f32[] {\n  %x = f32[] add(%p, %p\n}")
  with pytest.raises(ValueError, match="A brace is never closed"):
    parse("ENTRY %m (p: f32[]) -> f32[] {\n  %x = f32[] add(%p, %p), a={b\n  %y = f32[] copy(%x)")


@pytest.mark.parametrize(
  ("text", "parts"),
  [
    ("f32[2]{0}", ["f32[2]{0}"]),
    ("(f32[2,3]{1,0}, u32[])", ["f32[2,3]{1,0}", "u32[]"]),
    (
      "((f32[2,3]{1,0:T(8,128)}, u32[]), /*index=1*/(f32[4]{0}))",
      ["(f32[2,3]{1,0:T(8,128)}, u32[])", "/*index=1*/(f32[4]{0})"],
    ),
  ],
)
def test_the_elements_of_a_tuples_type(text, parts):
  assert elements(text) == parts
