"""Seconds of kernels: loops multiply, and what runs beside others costs what is left of it."""

import pytest

from labse_jax.planning.hlo.kernels import Price, category_of, kernels
from labse_jax.planning.hlo.program import Program

LINK = 1024.0  # Bytes a second, so that f32[256] over many chips takes about a second.
GATHER = "dimensions={0}, replica_groups={{0,1}}"
INSIDE = """%body (t: (s32[], f32[8])) -> (s32[], f32[8]) {
  %in = f32[8]{0} add(%a, %a)
}

%condition (t: (s32[])) -> pred[] {
  ROOT %never = pred[] parameter(0)
}

%chained.1 (p: f32[256]) -> f32[512] {
  %g.1 = f32[512]{0} all-gather(%p), dimensions={0}, replica_groups={{0,1}}, chain_id="7"
  ROOT %begin = (f32[512]{0}) custom-call(%g.1), custom_call_target="AsyncCollectiveStart"
}

%chained.2 (p: f32[256]) -> f32[512] {
  %g.2 = f32[512]{0} all-gather(%p), dimensions={0}, replica_groups={{0,1}}, chain_id="7"
  ROOT %sum = f32[8]{0} add(%x, %x)
}

%chained.3 (p: f32[256]) -> f32[512] {
  %g.3 = f32[512]{0} all-gather(%p), dimensions={0}, replica_groups={{0,1}}, chain_id="7"
  ROOT %end = f32[512]{0} custom-call(%g.3), custom_call_target="AsyncCollectiveDone"
}

%two (p: f32[256]) -> f32[512] {
  %g.5 = f32[512]{0} all-gather(%p), dimensions={0}, replica_groups={{0,1}}
  ROOT %g.6 = f32[512]{0} all-gather(%p), dimensions={0}, replica_groups={{0,1}}
}

%wrapped (p: f32[256]) -> f32[512] {
  ROOT %g.4 = f32[512]{0} all-gather(%p), dimensions={0}, replica_groups={{0,1}}
}

"""


def price(program, executed):
  """An addition takes 0.25 seconds, of which the memory is busy for 0.1; a copy 1 by memory."""
  operation = executed.instruction.operation
  if operation == "copy-start":
    return Price(1.0, 1.0, "roofline")
  if operation in ("add", "fusion") and "chained.1" not in executed.instruction.rest:
    return Price(0.25, 0.1, "compiler")
  return Price(0.0, 0.0, "compiler")


def spent(*lines):
  """{category: seconds} of a program of these lines."""
  body = "\n".join(f"  {line}" for line in lines)
  text = (
    f"HloModule f, num_partitions=2\n\n{INSIDE}ENTRY %main (p: f32[8]) -> f32[8] {{\n{body}\n}}"
  )
  total = {}
  for kernel in kernels(Program(text), price, LINK):
    total[kernel.category] = total.get(kernel.category, 0) + kernel.seconds
  return total


ADD = "%s{0} = f32[8]{{0}} add(%x, %x)"
LOOP = '%w = (s32[]) while(%t), condition=%condition, body=%body, "known_trip_count":{"n":"3"}'
SYNC = f"%g = f32[512]{{0}} all-gather(%p), {GATHER}"
START = f"%g = (f32[256]{{0}}, f32[512]{{0}}) all-gather-start(%p), {GATHER}"
DONE = "%d = f32[512]{0} all-gather-done(%g)"


def adds(*numbers):
  return [ADD.format(number) for number in numbers]


def test_a_loop_multiplies_what_is_in_it():
  assert spent(*adds(1, 2), LOOP) == {"other": 0.25 * (2 + 3)}


def test_what_is_sent_holds_all_up_unless_it_is_started_before():
  assert spent(SYNC, *adds(1, 2)) == {"collectives": 1.0, "other": 0.5}


@pytest.mark.parametrize(
  ("lines", "left"),
  [
    ([START, DONE, *adds(1, 2)], 1.0),
    ([START, *adds(1, 2), DONE], 0.5),
    ([START, *adds(1, 2, 3, 4, 5), DONE], 0.0),
    ([START, LOOP, DONE], 0.25),
    ([*adds(1, 2), START], 1.0),  # It is never awaited here.
  ],
  ids=["nothing beside", "half", "all", "a loop", "no end"],
)
def test_what_runs_beside_others_costs_what_is_left_of_it(lines, left):
  assert spent(*lines)["collectives"] == pytest.approx(left)


def test_two_that_run_beside_share_the_links():
  second = [START.replace("%g ", "%g2 "), DONE.replace("%g", "%g2").replace("%d", "%d2")]
  lines = [START, second[0], *adds(1, 2, 3, 4), DONE, second[1]]
  assert spent(*lines)["collectives"] == pytest.approx(1.0)


def test_a_copy_within_the_memory_goes_on_while_others_leave_the_memory_idle():
  lines = ["%c = (f32[8], f32[8]{0:S(1)}, u32[]) copy-start(%p)", *adds(1, 2)]
  assert spent(*lines, "%e = f32[8] copy-done(%c)")["copies"] == pytest.approx(1 - 2 * 0.15)


def test_a_collective_that_the_tpu_spreads_over_fusions_runs_beside_their_work():
  lines = [f"%f{n} = f32[8]{{0}} fusion(%p), kind=kLoop, calls=%chained.{n}" for n in (1, 2, 3)]
  assert spent(lines[0], lines[1], *adds(1), lines[2]) == pytest.approx(
    {"collectives": 0.25, "other": 0.75}
  )


def test_a_wrapped_collective_is_awaited_by_its_wrapper():
  start = "%a = ((f32[256]), f32[512], u32[]) async-start(%p), calls=%wrapped"
  lines = [start, *adds(1), "%b = f32[512] async-done(%a), calls=%wrapped", *adds(2)]
  assert spent(*lines) == pytest.approx({"collectives": 0.75, "other": 0.5})


def test_what_is_started_may_be_awaited_behind_an_update():
  start = "%a = ((f32[256]), f32[512], u32[]) async-start(%p), calls=%wrapped"
  update = "%u = ((f32[256]), f32[512], u32[]) async-update(%a), calls=%wrapped"
  done = "%b = f32[512] async-done(%u), calls=%wrapped"
  lines = [start, *adds(1), update, *adds(2), done, *adds(3, 4)]
  assert spent(*lines) == pytest.approx({"collectives": 0.5, "other": 1.0})


def test_all_kernels_of_one_start_are_awaited():
  start = "%a = ((f32[256]), f32[512], u32[]) async-start(%p), calls=%two"
  lines = [start, *adds(1, 2), "%b = f32[512] async-done(%a), calls=%two"]
  assert spent(*lines) == pytest.approx({"collectives": 1.5, "other": 0.5})


DOT = "dot(%p, %p), lhs_contracting_dims={0}"


@pytest.mark.parametrize(
  ("line", "category"),
  [
    (f'f32[8]{{0}} {DOT}, metadata={{op_name="bert/up/bld,df->blf/dot_general"}}', "products"),
    (f'f32[8]{{0}} {DOT}, metadata={{op_name="blocks/bhlk,bhmk->bhlm/dot_general"}}', "attention"),
    (f'f32[8]{{0}} {DOT}, metadata={{op_name="blocks/bhlm,bhmk->bhlk/dot_general"}}', "attention"),
    (f'f32[8]{{0}} {DOT}, metadata={{op_name="blocks/attention/dot_general"}}', "attention"),
    (f'f32[8]{{0}} {DOT}, metadata={{op_name="blocks/attention_out/dot_general"}}', "products"),
    ('f32[8]{0} custom-call(%p), custom_call_target="__cudnn$fmhaSoftmax"', "attention"),
    ('f32[8]{0} add(%p, %p), metadata={op_name="blocks/attention/add"}', "softmax"),
    ('f32[8]{0} add(%p, %p), metadata={op_name="blocks/jit(softmax)/exp"}', "softmax"),
    ("f32[2,12,64,64]{3,2,1,0} negate(%p)", "softmax"),
    ("f32[2,12,64,32]{3,2,1,0} negate(%p)", "other"),
    ('f32[8]{0} add(%p, %p), metadata={op_name="blocks/attention_norm/add"}', "norms"),
    ('f32[8]{0} add(%p, %p), metadata={op_name="blocks/blocks.norm/convert"}', "norms"),
    ('u32[8]{0} add(%p, %p), metadata={op_name="Dropout_0/jit(_bernoulli)/add"}', "dropout"),
    ("f32[8]{0} copy(%p)", "copies"),
    ("f32[8]{0} transpose(%p), dimensions={0}", "copies"),
    ("f32[8]{0} all-reduce(%p), to_apply=%sum", "collectives"),
    ("f32[8]{0} add(%p, %p)", "other"),
  ],
)
def test_what_a_kernel_is_for(line, category):
  program = Program(f"HloModule f\n\nENTRY %main (p: f32[8]) -> f32[8] {{\n  %y = {line}\n}}")
  assert category_of(program, program.executed[0].instruction) == category
