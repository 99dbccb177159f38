"""What a config needs on TPUs or GPUs; their own compilers say it on any CPU."""

from collections.abc import Mapping, Sequence
import contextlib
import pathlib
import shlex
from typing import Any, cast

import jax

from labse_jax.base.errors import InputError, run
from labse_jax.base.files import check_outputs, write_json
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.base.types import Config
from labse_jax.configs.command_line import parse
from labse_jax.configs.experiment_files import located
from labse_jax.configs.machine_rows import settle_rows
from labse_jax.configs.machine_step import settle_step
from labse_jax.configs.ranges import check_ranges
from labse_jax.plan_flags import check_scale, parser, scale_of, with_fields
from labse_jax.planning import collectives
from labse_jax.planning.chips import chip
from labse_jax.planning.compilation import (
  Compiled,
  compiled_of,
  devices_of,
  tree_bytes,
  versions,
)
from labse_jax.planning.flops import arithmetic, matrix_flops
from labse_jax.planning.hlo.program import Program
from labse_jax.planning.largest_batch import largest_fitting
from labse_jax.planning.program_hash import abstract_mesh, program_hash
from labse_jax.planning.scaling import Size, weak_scaling
from labse_jax.planning.table import page
from labse_jax.planning.time_limit import time_limit
from labse_jax.train import make_stages
from labse_jax.training.encoder_task import EncoderTask
from labse_jax.training.optim import State
from labse_jax.training.speed.arithmetic import useful_flops


def main(argv: Sequence[str]) -> None:
  """Prints a plan; nothing is written where anything fails."""
  config, args = parse(parser(), argv)
  output = args.output and pathlib.Path(args.output)
  if output:
    # Without what stands after the colon, which is given to the experiment.
    config_file, _, _ = args.config.partition(":")
    check_outputs([output], [located(config_file)])
    if not output.parent.is_dir():
      raise InputError(f"{output}: there is no folder {output.parent}.")
  # What cannot be compiled for is refused before anything is compiled.
  devices = devices_of(args.topology)
  scale = [(name, devices_of(name)) for name in scale_of(args.topology, args.scale)]
  mesh = make_mesh(config.mesh.fsdp, devices=devices)
  config = settle_rows(config, mesh)
  check_ranges(config, mesh)
  rows = config.batch_rows // mesh.size
  check_scale(config, rows, scale)
  command = shlex.join(["python", "-m", "labse_jax.plan", *argv])
  result = {"command": command, "topology": args.topology}
  result |= plan(config, devices, topology=args.topology, search=not args.no_search)
  if scale:
    config = with_fields(config, attention=result["attention"])
    sizes = [size_of(config, rows, *one) for one in scale]
    result["scaling"] = weak_scaling(rows, sizes, config.mesh.fsdp)
  print(page(result))
  if output:
    write_json(output, result)
    print(f"\nwritten: {output}")


def plan(
  config: Config, devices: Sequence[jax.Device], *, topology: str = "local", search: bool = True
) -> dict[str, Any]:
  """The plan of a config, for JSON; says on stdout what it compiles."""
  mesh = make_mesh(config.mesh.fsdp, devices=devices)
  config = settle_rows(config, mesh)
  check_ranges(config, mesh)
  settled = settle_step(config, mesh)
  flops, compiled = compile_step(settled, mesh, topology)
  # A chip that stands in no table has no limit, and what fits is not known.
  one = chip(devices)
  limit = one.usable if one else None
  batch = None
  if limit and search:
    # A larger batch may need remat where this one does not, so that is left open; attention is not.
    open_config = with_fields(config, attention=settled.attention)
    batch = search_batch(open_config, mesh, compiled.used, limit, topology)
  return {
    "estimate": "by the compiler; nothing was run",
    "versions": versions(),
    "program": step_hash(settled, mesh),
    **shape_of(settled, mesh),
    "fits": compiled.used <= limit if limit else None,
    "bytes_per_chip": one.memory if one else None,
    "bytes_usable_per_chip": limit,
    "bytes_used_per_chip": compiled.used,
    "memory": compiled.memory,
    "refused": compiled.refused,
    **arithmetic(flops, mesh.size, one.peak if one else None),
    **limit_of(settled, mesh, program_of(compiled)),
    "largest_batch": batch,
    "chip_source": one.source if one else None,
  }


def shape_of(config: Config, mesh: jax.sharding.Mesh) -> dict[str, Any]:
  """The devices and the rows of a plan, and what became of each "auto"."""
  device = mesh.devices.flat[0]
  return {
    "device_kind": device.device_kind,
    "platform": device.platform,
    "devices": mesh.size,
    "mesh": dict(mesh.shape),
    "batch_rows": config.batch_rows,
    "rows_per_chip": config.batch_rows // mesh.size,
    **{name: config[name] for name in ("attention", "remat", "unroll")},
  }


def limit_of(config: Config, mesh: jax.sharding.Mesh, program: Program | None) -> dict[str, Any]:
  """How long a compiled step takes at least, and what a chip sends in it."""
  devices = list(mesh.devices.flat)
  wanted = useful(config, mesh)
  return {
    "useful_flops_per_step": wanted,
    **time_limit(program, chip(devices), devices[0].platform, wanted / mesh.size),
    **collectives.summary(program),
  }


def size_of(config: Config, rows: int, topology: str, devices: Sequence[jax.Device]) -> Size:
  """What a chip needs and sends where each of `devices` has `rows` rows."""
  mesh = make_mesh(config.mesh.fsdp, devices=devices)
  config = with_fields(config, batch_rows=rows * mesh.size)
  _, compiled = compile_step(config, mesh, topology)
  program = program_of(compiled)
  limit = limit_of(config, mesh, program)
  kept = ("collective_bytes", "step_seconds_limit", "mfu_limit")
  numbers = {
    "topology": topology,
    "devices": mesh.size,
    "batch_rows": config.batch_rows,
    "bytes_used_per_chip": compiled.used,
    "memory": compiled.memory,
    "refused": compiled.refused,
    **{name: limit[name] for name in kept},
  }
  return Size(mesh.size, numbers, collectives.collectives(program) if program else None)


def program_of(compiled: Compiled) -> Program | None:
  """The program of a compiled step; None where the compiler refused."""
  return Program(compiled.text) if compiled.text is not None else None


def step_of(
  config: Config, mesh: jax.sharding.Mesh
) -> tuple[EncoderTask, State, jax.stages.Wrapped]:
  """Returns (task, abstract state, train step) of a config's deepest stage."""
  deepest = make_stages(config, mesh)[-1]
  return deepest.task, deepest.abstract, deepest.train_step


def trace_step(config: Config, mesh: jax.sharding.Mesh) -> tuple[jax.stages.Traced, dict[str, int]]:
  """Traces one step of a config; returns (the trace, the bytes a chip of its arguments by kind)."""
  task, state, step = step_of(config, mesh)

  def shaped(x: jax.ShapeDtypeStruct, sharding: jax.sharding.Sharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)

  batch = jax.tree.map(lambda x: shaped(x, batch_sharding(mesh)), task.batch_shapes())
  key = jax.eval_shape(lambda: jax.random.key(0))
  key = shaped(key, jax.NamedSharding(mesh, jax.P()))
  moments = {name: state[name] for name in ("opt", "rows") if name in state}
  held = {
    "parameters": tree_bytes(state["params"]),
    "optimiser_state": tree_bytes(moments),
    "batch": tree_bytes(batch),
  }
  with _set(mesh):
    return step.trace(state, batch, key), held


def _set(
  mesh: jax.sharding.Mesh | jax.sharding.AbstractMesh,
) -> contextlib.AbstractContextManager[Any]:
  if isinstance(mesh, jax.sharding.AbstractMesh):
    return jax.sharding.use_abstract_mesh(mesh)
  return jax.set_mesh(mesh)


def step_hash(config: Config, mesh: jax.sharding.Mesh) -> str:
  """The hash of a config's step on a mesh, before it is compiled."""
  device = mesh.devices.flat[0]
  return planned_hash(config, mesh.shape, device.platform, device.device_kind)


def planned_hash(config: Config, axes: Mapping[str, int], platform: str, device_kind: str) -> str:
  """The same where no device is there: of a mesh with so many devices of a kind on each axis."""
  # To trace a step takes no devices, only the shape of their mesh.
  mesh = cast(jax.sharding.Mesh, abstract_mesh(axes, platform, device_kind))
  traced, _ = trace_step(config, mesh)
  return program_hash(traced, platform)


def useful(config: Config, mesh: jax.sharding.Mesh) -> int:
  """The useful arithmetic of a step of a config's deepest stage (see `useful_flops`)."""
  task, state, _ = step_of(config, mesh)
  return useful_flops(task, state["params"], mesh)


def compile_step(
  config: Config, mesh: jax.sharding.Mesh, topology: str = "local"
) -> tuple[dict[str, int], Compiled]:
  """Compiles one step of a config; returns (its matrix arithmetic by type, a Compiled)."""
  print(
    f"compiling for {mesh.size} x {mesh.devices.flat[0].device_kind}: "
    f"{config.batch_rows // mesh.size:,} rows a chip",
    flush=True,
  )
  traced, held = trace_step(config, mesh)
  flops = matrix_flops(traced.jaxpr)
  return flops, compiled_of(traced, held, mesh, topology)


def search_batch(
  config: Config, mesh: jax.sharding.Mesh, used: int, limit: int, topology: str = "local"
) -> dict[str, int | bool | None]:
  """The largest batch that fits, found by compiling others; that of the config takes `used`."""
  chunks = config.get("chunks", 1)
  unit = mesh.size * chunks  # A batch is a multiple of this.

  def measure(units: int) -> int:
    _, compiled = compile_step(with_fields(config, batch_rows=units * unit), mesh, topology)
    return compiled.used

  fits, too_large = largest_fitting(measure, config.batch_rows // unit, used, limit)
  remat = fits and settle_step(with_fields(config, batch_rows=fits * unit), mesh).remat
  return {
    "batch_rows": fits and fits * unit,
    "rows_per_chip": fits and fits * chunks,
    "rows_per_chip_that_do_not_fit": too_large and too_large * chunks,
    "remat": remat,
  }


if __name__ == "__main__":
  run(main)
