"""What a training step of BERT-base's size takes at least on each chip, before and after.

  python -m benchmarks.step_limits --output results/accelerator/step_limits.json

Every row is what `labse-jax plan` says of one config: the paper's dual encoder with BERT-base's own
vocabulary, without dropout, 32,768 tokens a chip. "before" computes the layers as they were tuned
on a CPU: results of products in float32, attention by the CPU's way, remat, a loop over the layers.
"after" leaves all of it to "auto". The tiles of the loss are the accelerators' in both, and so are
the compiler's settings. Nothing is run. It needs the extras plan and plan-cuda. With --topologies
only those are planned, and the rows of others stay in the file.
"""

import argparse
from collections.abc import Sequence
import json
import pathlib
from typing import Any

import jax

from experiments.labse import paper
from labse_jax import plan as planner
from labse_jax.base.errors import run
from labse_jax.base.files import write_json
from labse_jax.base.types import Config
from labse_jax.planning.compilation import devices_of, versions

TOPOLOGIES = ("v5e:2x2", "v5p:2x2x1", "v6e:2x2", "v3:16x16", "h100")
LENGTHS = (128, 512)
TOKENS = 32_768
VOCABULARY = 30_522  # BERT-base's, so that the layers are most of the step.
FSDP = 4
BEFORE = {"attention": "cpu", "remat": True, "unroll": False}
KEPT = (
  "program",
  "devices",
  "device_kind",
  "attention",
  "remat",
  "unroll",
  "bytes_used_per_chip",
  "step_seconds_limit",
  "mfu_limit",
  "memory_traffic",
  "limit_by_category",
  "own_rooflines",
  "refused",
)


def main(argv: Sequence[str]) -> None:
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--output", required=True, type=pathlib.Path)
  parser.add_argument("--topologies", nargs="+", default=TOPOLOGIES, help="(%(default)s)")
  args = parser.parse_args(argv)
  rows = []
  if args.output.exists():
    rows = json.loads(args.output.read_text("utf-8"))["steps"]
  devices = {topology: devices_of(topology) for topology in args.topologies}
  for topology in args.topologies:
    rows = [row for row in rows if row["topology"] != topology]
    for length in LENGTHS:
      for when in ("before", "after"):
        rows.append(row_of(topology, devices[topology], length, when))
        print(json.dumps(rows[-1]), flush=True)
    write_json(args.output, {"estimate": "by the compilers; nothing was run", "steps": rows})


def row_of(topology: str, devices: Sequence[jax.Device], length: int, when: str) -> dict[str, Any]:
  config = config_of(length, len(devices))
  if when == "before":
    config.update(BEFORE)
  made = planner.plan(config, devices, topology=topology, search=False)
  return {
    "topology": topology,
    "tokens_of_a_row": length,
    "when": when,
    "versions": versions(),
    **{name: made[name] for name in KEPT},
  }


def config_of(length: int, devices: int) -> Config:
  """The dual encoder of the paper, with TOKENS on each of so many devices, both sides together."""
  config = paper.get_config("stage=dual_encoder")
  config.model.update(vocab_size=VOCABULARY, dropout=0.0, attention_dropout=0.0)
  config.length = length
  config.batch_rows = devices * TOKENS // (2 * length)
  config.mesh.fsdp = min(FSDP, devices)
  return config


if __name__ == "__main__":
  run(main)
