"""What a program executes: loops as often as they turn, of a condition the dearest branch."""

import pytest

from labse_jax.planning.hlo.program import Program

LOOP = """%body (t: (s32[], f32[8])) -> (s32[], f32[8]) {{
  %x = f32[8]{{0}} add(%a, %a)
  %s = f32[8]{{0}} parameter(0)
}}

%condition (t: (s32[], f32[8])) -> pred[] {{
  %limit = s32[] constant(12)
  %t = (s32[], f32[8]) parameter(0)
  %i = s32[] get-tuple-element(%t), index=0
  ROOT %lt = pred[] compare(%i, %limit), direction={direction}
}}

"""


def program(*lines, before="", head="num_partitions=4, replica_count=2"):
  body = "\n".join(f"  {line}" for line in lines)
  return Program(
    f"HloModule jit_f, {head}\n\n{before}ENTRY %main (p: f32[8]) -> f32[8] {{\n{body}\n}}"
  )


def names(made):
  return [(one.instruction.name, one.times, one.known, one.place) for one in made.executed]


def test_what_only_names_a_value_is_not_executed():
  made = program(
    "%p = f32[8] parameter(0)",
    "%c = f32[8] constant({...})",
    "%b = f32[8] bitcast(%p)",
    "%y = f32[8] add(%b, %c)",
    "ROOT %t = (f32[8]) tuple(%y)",
  )
  assert names(made) == [("y", 1, True, ())] and made.devices == 8


def looped(first="constant(0)", direction="LT", config=""):
  return program(
    f"%zero = s32[] {first}",
    "%copied = s32[] copy(%zero)",
    "%start = (s32[], f32[8]) tuple(%copied, %p)",
    f"%w = (s32[], f32[8]) while(%start), condition=%condition, body=%body{config}",
    before=LOOP.format(direction=direction),
  )


@pytest.mark.parametrize(
  ("made", "times", "known"),
  [
    (looped(), 12, True),
    (looped("constant(2)"), 10, True),
    (looped(config=', backend_config={"known_trip_count":{"n":"5"}}'), 5, True),
    (looped("parameter(3)"), 1, False),
    (looped(direction="NE"), 1, False),
  ],
  ids=["condition", "start", "said", "unknown start", "unknown end"],
)
def test_a_loop_counts_as_often_as_it_turns(made, times, known):
  assert names(made)[-1] == ("x", times, known, ("w",))


BRANCHES = """%small (p: f32[8]) -> f32[8] {
  ROOT %s = f32[8]{0} negate(%p)
}

%large (p: f32[8]) -> f32[8] {
  %l = f32[64]{0} broadcast(%p)
  ROOT %m = f32[8]{0} slice(%l)
}

"""


@pytest.mark.parametrize(
  "chosen",
  [
    "branch_computations={%small, %large}",
    "branch_computations={%large, %small}",
    "true_computation=%small, false_computation=%large",
  ],
)
def test_of_a_condition_the_branch_that_writes_most(chosen):
  made = program(f"%c = f32[8] conditional(%i, %p, %p), {chosen}", before=BRANCHES)
  assert [name for name, *_ in names(made)] == ["l", "m"]


@pytest.mark.parametrize("operation", ["call", "async-start", "command-buffer"])
def test_what_a_call_starts_is_executed(operation):
  made = program(f"%c = f32[8] {operation}(%p), to_apply=%small", before=BRANCHES)
  assert names(made) == [("s", 1, True, ("c",))]
  assert made.asynchronous == ({"c"} if operation == "async-start" else set())


def test_inside_a_fusion_nothing_is_executed_by_itself():
  made = program("%f = f32[8] fusion(%p), kind=kLoop, calls=%large", before=BRANCHES)
  (fusion,) = made.executed
  assert fusion.instruction.name == "f"
  assert [one.name for one in made.within(fusion.instruction)] == ["f", "l", "m"]
  assert made.fused(made.computations["large"]["l"]) == {}
