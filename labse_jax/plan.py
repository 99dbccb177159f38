"""What a config needs on a TPU slice; the TPU's own compiler says it on any CPU."""

from collections.abc import Sequence
import copy
import importlib.metadata
import pathlib
import shlex
from typing import Any

import jax

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError, run
from labse_jax.base.files import check_outputs, write_json
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.base.types import Config
from labse_jax.configs.command_line import config_command, parse
from labse_jax.configs.experiment_files import located
from labse_jax.configs.machine_rows import settle_rows
from labse_jax.configs.ranges import check_ranges
from labse_jax.planning.chips import chip
from labse_jax.planning.collectives import by_kind, collectives, largest
from labse_jax.planning.compilation import Compiled, devices_of, memory_by_kind, refusal, tree_bytes
from labse_jax.planning.flops import matrix_flops
from labse_jax.planning.largest_batch import largest_fitting
from labse_jax.planning.table import page
from labse_jax.train import make_stages
from labse_jax.training.encoder_task import EncoderTask
from labse_jax.training.optim import State

DESCRIPTION = """Compiles the very train step of an experiment for a TPU slice, on a machine
without one, and says what each chip (one JAX device) needs: memory by kind and whether it fits,
matrix arithmetic, what is sent by each kind of collective, and the largest batch that fits. Neither
the data nor the tokenizer has to be there. Of several stages it is the last, which has all layers.
It is an estimate: nothing is run.

  labse-jax plan --config experiments/quickstart.py --topology v3:4x4

A slice needs the TPU compiler: pip install 'labse_jax[plan]'."""
EPILOG = """The output holds fits, bytes_per_chip, bytes_used_per_chip, memory, flops_per_step (all
chips) and flops_per_chip, collective_bytes (sent by a chip in a step), largest_collectives,
largest_batch and more."""
TOPOLOGY = """a slice, such as v3:4x4, v4:2x2x2, v5e:4x8, v5p:2x2x2, v6e:4x4 (chips along each axis;
of a v2 or v3 chip each of the two cores is a JAX device), or local: the devices of this machine"""


def main(argv: Sequence[str]) -> None:
  """Prints a plan; nothing is written where anything fails."""
  config, args = parse(_parser(), argv)
  output = args.output and pathlib.Path(args.output)
  if output:
    # Without what stands after the colon, which is given to the experiment.
    config_file, _, _ = args.config.partition(":")
    check_outputs([output], [located(config_file)])
    if not output.parent.is_dir():
      raise InputError(f"{output}: there is no folder {output.parent}.")
  devices = devices_of(args.topology)
  command = shlex.join(["python", "-m", "labse_jax.plan", *argv])
  result = {"command": command, "topology": args.topology}
  result |= plan(config, devices, search=not args.no_search)
  print(page(result))
  if output:
    write_json(output, result)
    print(f"\nwritten: {output}")


def _parser() -> Command:
  parser = config_command("plan", DESCRIPTION, epilog=EPILOG)
  add = parser.add
  add("--topology", default="local", metavar="SLICE", help=TOPOLOGY)
  add("--output", metavar="FILE.json", help="also write all of it as JSON")
  search = "leave out the search for the largest batch, which compiles up to 6 times more"
  add("--no-search", action="store_true", help=search)
  return parser


def plan(config: Config, devices: Sequence[jax.Device], *, search: bool = True) -> dict[str, Any]:
  """The plan of a config, for JSON; says on stdout what it compiles."""
  mesh = make_mesh(config.mesh.fsdp, devices=devices)
  config = settle_rows(config, mesh)
  check_ranges(config, mesh)
  flops, compiled = compile_step(config, mesh)
  # A chip that stands in no table has no limit, and what fits is not known.
  one = chip(devices)
  limit = one.usable if one else None
  fits = None
  batch = None
  if limit:
    fits = compiled.used <= limit
    if search:
      batch = search_batch(config, mesh, compiled.used, limit)
  return {
    "estimate": "by the compiler; nothing was run",
    "versions": {name: _version(name) for name in ("jax", "jaxlib", "libtpu")},
    "device_kind": devices[0].device_kind,
    "platform": devices[0].platform,
    "devices": mesh.size,
    "mesh": dict(mesh.shape),
    "batch_rows": config.batch_rows,
    "rows_per_chip": config.batch_rows // mesh.size,
    "fits": fits,
    "bytes_per_chip": one.memory if one else None,
    "bytes_usable_per_chip": limit,
    "bytes_used_per_chip": compiled.used,
    "memory": compiled.memory,
    "refused": compiled.refused,
    **_arithmetic(flops, mesh.size, one.peak if one else None),
    **_collectives(compiled.text),
    "largest_batch": batch,
    "chip_source": one.source if one else None,
  }


def _arithmetic(flops: dict[str, int], devices: int, peak: float | None) -> dict[str, Any]:
  total = sum(flops.values())
  return {
    "flops_per_step": total,
    "flops_per_chip": total / devices,
    "flops_by_type": flops,
    "peak_flops_per_chip": peak,
    "seconds_at_peak": total / devices / peak if peak else None,
  }


def _collectives(text: str | None) -> dict[str, Any]:
  if text is None:  # The compiler refused: there is no program to read.
    names = ("collective_bytes", "collectives_in_loops_of_unknown_length", "largest_collectives")
    return dict.fromkeys(names)
  found = collectives(Program(text))
  return {
    "collective_bytes": by_kind(found),
    "collectives_in_loops_of_unknown_length": sum(not one.known for one in found),
    "largest_collectives": largest(found),
  }


def step_of(
  config: Config,
  mesh: jax.sharding.Mesh,
) -> tuple[EncoderTask, State, jax.stages.Wrapped]:
  """Returns (task, abstract state, train step) of a config's deepest stage."""
  deepest = make_stages(config, mesh)[-1]
  return deepest.task, deepest.abstract, deepest.train_step


def trace_step(
  config: Config,
  mesh: jax.sharding.Mesh,
) -> tuple[jax.stages.Traced, dict[str, int]]:
  """Traces one step of a config; returns (the trace, the bytes a chip of its arguments by kind)."""
  task, abstract, step = step_of(config, mesh)

  def shaped(x: jax.ShapeDtypeStruct, sharding: jax.sharding.Sharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)

  batch = jax.tree.map(lambda x: shaped(x, batch_sharding(mesh)), task.batch_shapes())
  key = jax.eval_shape(lambda: jax.random.key(0))
  key = shaped(key, jax.NamedSharding(mesh, jax.P()))
  moments = {name: abstract[name] for name in ("opt", "rows") if name in abstract}
  held = {
    "parameters": tree_bytes(abstract["params"]),
    "optimiser_state": tree_bytes(moments),
    "batch": tree_bytes(batch),
  }
  with jax.set_mesh(mesh):
    return step.trace(abstract, batch, key), held


def compile_step(config: Config, mesh: jax.sharding.Mesh) -> tuple[dict[str, int], Compiled]:
  """Compiles one step of a config; returns (its matrix arithmetic by type, a Compiled)."""
  device = mesh.devices.flat[0]
  print(
    f"compiling for {mesh.size} x {device.device_kind}: "
    f"{config.batch_rows // mesh.size:,} rows a chip",
    flush=True,
  )
  traced, held = trace_step(config, mesh)
  flops = matrix_flops(traced.jaxpr)
  with jax.set_mesh(mesh):
    try:
      compiled = traced.lower().compile()
    except jax.errors.JaxRuntimeError as error:
      # A step that is too large is an answer, not an error.
      refused = refusal(str(error), held)
      if refused is None:
        raise
      return flops, refused
  memory = memory_by_kind(compiled.memory_analysis(), held, device.platform)
  return flops, Compiled(memory, sum(memory.values()), None, compiled.as_text())


def search_batch(
  config: Config,
  mesh: jax.sharding.Mesh,
  used: int,
  limit: int,
) -> dict[str, int | None]:
  """The largest batch that fits, found by compiling others; that of the config takes `used`."""
  chunks = config.get("chunks", 1)
  unit = mesh.size * chunks  # A batch is a multiple of this.

  def measure(units: int) -> int:
    changed = copy.deepcopy(config)
    with changed.unlocked():
      changed.batch_rows = units * unit
    _, compiled = compile_step(changed, mesh)
    return compiled.used

  fits, too_large = largest_fitting(measure, config.batch_rows // unit, used, limit)
  return {
    "batch_rows": fits and fits * unit,
    "rows_per_chip": fits and fits * chunks,
    "rows_per_chip_that_do_not_fit": too_large and too_large * chunks,
  }


def _version(name: str) -> str | None:
  try:
    return importlib.metadata.version(name)
  except importlib.metadata.PackageNotFoundError:
    return None


if __name__ == "__main__":
  run(main)
