"""Collectives are read as they are written: by the CPU's compiler here, by the TPU's as kept."""

import functools

import jax
import jax.numpy as jnp
import pytest

from labse_jax.base.sharding import BATCH, make_mesh
from labse_jax.planning.collectives import by_kind, collectives, largest, summary
from labse_jax.planning.hlo.program import Program

HEAD = "HloModule jit_f, is_scheduled=true, num_partitions=8\n\n"
ADD = """%add (x: f32[], y: f32[]) -> f32[] {
  ROOT %sum = f32[] add(%x, %y)
}

"""


def main(*lines, before=""):
  body = "\n".join(f"  {line}" for line in lines)
  return f"{HEAD}{ADD}{before}ENTRY %main (p: f32[2,8]) -> f32[16,8] {{\n{body}\n}}\n"


def read(text):
  return collectives(Program(text))


def one(line, before=""):
  (found,) = read(main(line, before=before))
  return found


GATHER = "%g = f32[16,8]{1,0:T(8,128)} all-gather(%p), channel_id=1, dimensions={0}, "
RESULT = 16 * 8 * 4


@pytest.mark.parametrize(
  ("groups", "n", "stride"),
  [("{{0,1,2,3},{4,5,6,7}}", 4, 1), ("{{0,4},{1,5},{2,6},{3,7}}", 2, 4), ("{}", 8, 1)],
)
def test_what_a_chip_sends_in_groups(groups, n, stride):
  found = one(f"{GATHER}replica_groups={groups}, use_global_device_ids=true")
  assert (found.group, found.stride, found.bytes) == (n, stride, RESULT * (n - 1) / n)


@pytest.mark.parametrize(
  ("line", "kind", "size"),
  [
    ("f32[16,8]{1,0} all-reduce(%p), to_apply=%add", "all-reduce", 2 * RESULT * 7 / 8),
    (
      "f32[2,8]{1,0} reduce-scatter(%p), dimensions={0}, to_apply=%add",
      "reduce-scatter",
      RESULT * 7 / 8,
    ),
    (
      "(bf16[4,8]{1,0:T(8,128)(2,1)}, /*index=1*/pred[64]{0}) all-reduce(%p, %q), to_apply=%add",
      "all-reduce",
      2 * 128 * 7 / 8,
    ),
    (
      "(f32[2,8]{1,0}, f32[16,8]{1,0}) all-gather-start(%p), dimensions={0}",
      "all-gather",
      RESULT * 7 / 8,
    ),
    (
      "((f32[2,8], f32[1]), (f32[16,8], f32[8])) all-gather-start(%p, %q), dimensions={0}",
      "all-gather",
      (RESULT + 32) * 7 / 8,
    ),
    ("f32[16,8] all-reduce-start(%p), to_apply=%add", "all-reduce", 2 * RESULT * 7 / 8),
    (
      "((f32[16,8], f32[8]), (f32[2,8], f32[1])) reduce-scatter-start(%p, %q), dimensions={0}",
      "reduce-scatter",
      (RESULT + 32) * 7 / 8,
    ),
    (
      "((f32[16,8], pred[64]), (f32[16,8], pred[64])) collective-permute-start(%p, %q)",
      "collective-permute",
      RESULT + 64,
    ),
    (
      "(f32[16,8], f32[16,8], u32[], u32[]) collective-permute-start(%p)",
      "collective-permute",
      RESULT,
    ),
    ("s8[16,8] all-to-all(%p), dimensions={0}", "all-to-all", RESULT / 4 * 7 / 8),
  ],
)
def test_what_a_chip_sends(line, kind, size):
  found = one(f"%c = {line}, replica_groups={{}}")
  assert (found.kind, found.bytes) == (kind, size)


def test_done_is_not_counted_and_async_calls_are():
  before = """%wrapped (p: f32[2,8]) -> f32[16,8] {
  %p = f32[2,8] parameter(0)
  ROOT %g = f32[16,8] all-gather(%p), replica_groups={}, dimensions={0}
}

"""
  text = main(
    "%p = f32[2,8] parameter(0)",
    "%s = ((f32[2,8]), f32[16,8], u32[]) async-start(%p), calls=%wrapped",
    "%d = f32[16,8] async-done(%s), calls=%wrapped",
    "%r = f32[16,8] all-reduce-start(%d), replica_groups={}, to_apply=%add",
    "ROOT %e = f32[16,8] all-reduce-done(%r)",
    before=before,
  )
  assert [c.kind for c in read(text)] == ["all-gather", "all-reduce"]


def test_the_tpus_reduce_scatter_is_a_fusion():
  before = """%all-reduce-scatter.1 (p: f32[16,8]) -> f32[4,8] {
  %r = f32[16,8]{1,0} all-reduce(%p), replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
  ROOT %s = f32[4,8]{1,0} dynamic-slice(%r, %i, %z), dynamic_slice_sizes={4,8}
}

"""
  found = one("%f = f32[4,8] fusion(%p), kind=kCustom, calls=%all-reduce-scatter.1", before)
  assert (found.kind, found.shape, found.bytes) == ("reduce-scatter", "f32[16,8]", RESULT * 3 / 4)


def test_a_gather_that_the_tpu_spreads_over_fusions_is_one():
  part = """%part.{0} (p: f32[2,8]) -> f32[16,8] {{
  ROOT %g.{0} = f32[16,8] all-gather(%p), frontend_attributes={{chain_id="{1}"}}
}}

"""
  before = "".join(part.format(n, n // 3) for n in range(6))
  calls = [f"%f.{n} = f32[16,8] fusion(%p), kind=kLoop, calls=%part.{n}" for n in range(6)]
  assert len(read(main(*calls, before=before))) == 2


def test_the_dearest_branch_counts():
  branch = """%branch.{0} (p: f32[2,8]) -> f32[16,8] {{
  ROOT %g.{0} = f32[{0},8] all-gather(%p), replica_groups={{}}, dimensions={{0}}
}}

"""
  found = one(
    "%c = f32[16,8] conditional(%i, %p, %p), branch_computations={%branch.8, %branch.16}",
    branch.format(8) + branch.format(16),
  )
  assert found.shape == "f32[16,8]"


LOOP = """%body (t: (s32[], f32[2,8])) -> (s32[], f32[2,8]) {{
  %g = f32[16,8] all-gather(%x), replica_groups={{}}, dimensions={{0}}
}}

%condition (t: (s32[], f32[2,8])) -> pred[] {{
  %limit = s32[] constant(12)
  %t = (s32[], f32[2,8]) parameter(0)
  %i = s32[] get-tuple-element(%t), index=0
  ROOT %lt = pred[] compare(%i, %limit), direction={0}
}}

"""


def loop(first="constant(0)", direction="LT", config=""):
  return read(
    main(
      f"%zero = s32[] {first}",
      "%copy = s32[] copy(%zero)",
      "%start = (s32[], f32[2,8]) tuple(%copy, %p)",
      f"%w = (s32[], f32[2,8]) while(%start), condition=%condition, body=%body{config}",
      before=LOOP.format(direction),
    )
  )[0]


def test_a_loop_counts_as_often_as_it_runs():
  said = ', backend_config={"known_trip_count":{"n":"5"},"x":{}}'
  assert (loop(config=said).times, loop().times, loop("constant(2)").times) == (5, 12, 10)
  assert all(c.known for c in (loop(config=said), loop(), loop("constant(2)")))


@pytest.mark.parametrize("changed", [{"first": "parameter(3)"}, {"direction": "NE"}])
def test_a_loop_of_unknown_length_says_so(changed):
  found = loop(**changed)
  assert (found.times, found.known) == (1, False)


def test_loops_in_loops_multiply():
  outer = (
    LOOP.format("LT")
    + """%outer (t: (s32[], f32[2,8])) -> (s32[], f32[2,8]) {
  %w = (s32[], f32[2,8]) while(%t), condition=%condition, body=%body, "known_trip_count":{"n":"3"}
}

"""
  )
  found = one(
    "%v = (s32[], f32[2,8]) while(%s), condition=%condition, body=%outer, "
    'backend_config={"known_trip_count":{"n":"7"}}',
    outer,
  )
  assert found.times == 21
  assert by_kind([found])["all-gather"] == 21 * RESULT * 7 / 8


@functools.cache
def compiled(fsdp, length):
  mesh = make_mesh(fsdp)

  def local(x):
    def body(c, _):
      gathered = jax.lax.all_gather(c, "fsdp", tiled=True)
      return c + jax.lax.psum(c, BATCH) + gathered.sum(0, keepdims=True), None

    y, _ = jax.lax.scan(body, x, None, length=length)
    return y, jax.lax.ppermute(y, "fsdp", [(i, (i + 1) % fsdp) for i in range(fsdp)])

  split = jax.P(BATCH)
  x = jax.ShapeDtypeStruct((16, 32), jnp.float32, sharding=jax.NamedSharding(mesh, split))
  with jax.set_mesh(mesh):
    step = jax.jit(jax.shard_map(local, in_specs=split, out_specs=(split, split)))
    return step.lower(x).compile().as_text()


@pytest.mark.parametrize("fsdp", [2, 4, 8])
def test_a_compiled_program(fsdp):
  sent = by_kind(read(compiled(fsdp, 5)))
  own = 2 * 32 * 4
  assert sent == {
    "all-gather": 5 * own * (fsdp - 1),
    "all-reduce": 5 * 2 * own * 7 / 8,
    "collective-permute": own,
    "reduce-scatter": 0,
    "all-to-all": 0,
  }


def test_the_largest_come_first_and_alike_ones_as_one():
  found = read(compiled(8, 5))
  rows = largest([*found, *found], count=2)
  assert rows[0] == {
    "kind": "all-gather",
    "shape": "f32[16,32]",
    "chips": 8,
    "times": 10,
    "bytes": 10 * 256 * 7,
  }
  assert len(rows) == 2 and rows[1]["kind"] == "all-reduce"


def test_of_a_program_that_the_compiler_refused_nothing_is_known():
  assert set(summary(None).values()) == {None}
  known = summary(Program(compiled(8, 5)))
  assert known.keys() == summary(None).keys()
  assert known["collective_bytes"]["all-gather"] == 5 * 256 * 7
