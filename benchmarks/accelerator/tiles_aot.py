"""How long the contrastive loss takes with tiles of each side, estimated for chips that need not be
there.

python benchmarks/accelerator/tiles_aot.py --output results/accelerator/tiles.json

Value and gradient of the margin softmax of PAIRS pairs on one chip, their similarities in bfloat16.
Side 0 is what a CPU does: a tile has all queries. It needs the extras plan and plan-cuda.
"""

import argparse
import functools
import pathlib

import jax
import jax.numpy as jnp

from labse_jax.base.errors import run
from labse_jax.base.files import write_json
from labse_jax.base.sharding import BATCH, batch_sharding, make_mesh
from labse_jax.losses.margin_softmax import margin_softmax
from labse_jax.losses.shared import contract
from labse_jax.losses.shared.exchange import Spread
from labse_jax.planning.chips import chip
from labse_jax.planning.compilation import compiler_options, devices_of, versions
from labse_jax.planning.hlo.program import Program
from labse_jax.planning.time_limit import time_limit

PAIRS = 65_536
WIDTH = 768
TOPOLOGIES = ("v5e:2x2", "h100")
SIDES = (0, 1_024, 2_048, 4_096, 8_192, 16_384)


def main(argv: list[str]) -> None:
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--output", required=True, type=pathlib.Path)
  args = parser.parse_args(argv)
  rows = []
  for topology in TOPOLOGIES:
    for side in SIDES:
      rows.append(row_of(topology, side))
      print(rows[-1], flush=True)
  result = {"pairs": PAIRS, "width": WIDTH, "versions": versions(), "tiles": rows}
  write_json(args.output, {"estimate": "by the compilers; nothing was run"} | result)


def row_of(topology: str, side: int) -> dict[str, float | str]:
  devices = devices_of(topology)[:1]
  mesh = make_mesh(devices=devices)
  traced = trace(side, mesh)
  with jax.set_mesh(mesh):
    compiled = traced.lower().compile(compiler_options=compiler_options(topology))
  # A product of the way forward, and two on the way back.
  useful = 3 * 2 * PAIRS**2 * WIDTH
  limit = time_limit(Program(compiled.as_text()), chip(devices), devices[0].platform, useful)
  return {
    "topology": topology,
    "side": side,
    "seconds": limit["step_seconds_limit"],
    "mfu": limit["mfu_limit"],
    "temporary_bytes": compiled.memory_analysis().temp_size_in_bytes,
  }


def trace(side: int, mesh: jax.sharding.Mesh) -> jax.stages.Traced:
  def shape(dtype, *dims):
    return jax.ShapeDtypeStruct((PAIRS, *dims), dtype, sharding=batch_sharding(mesh))

  spread = Spread(BATCH, side=side, dtype="bfloat16")
  loss = functools.partial(margin_softmax, spread=spread, scale=20.0, margin=0.3)
  value_and_metrics = contract.on_every_device(loss, "margin_softmax")
  vectors = {name: shape(jnp.float32, WIDTH) for name in ("x_bD", "y_bD")}
  rest = {"ids_b2": shape(jnp.uint32, 2), "mask_b": shape(jnp.bool_)}

  def value(vectors, rest):
    return value_and_metrics(vectors | rest, {})[0]

  with jax.set_mesh(mesh):
    return jax.jit(jax.value_and_grad(value)).trace(vectors, rest)


if __name__ == "__main__":
  run(main)
