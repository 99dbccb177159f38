"""The page on limits has what results/accelerator/limits.json has, beside what was measured."""

import json
import re
import sys

import pytest

from tests.support.places import ROOT

sys.path.append(str(ROOT / "benchmarks" / "accelerator"))

import encoder_step  # noqa: E402

RESULTS = ROOT / "results" / "accelerator"
PAGE = (ROOT / "docs" / "pretraining.md").read_text("utf-8")
STEPS = json.loads((RESULTS / "limits.json").read_text("utf-8"))["steps"]


def parsed(step):
  """The options and the topology of a step's command, by the parser of today."""
  parser = encoder_step.parser("")
  parser.add_argument("--topology", required=True)
  args = parser.parse_args(step["command"].split()[2:])
  return encoder_step.options_of(args), args.topology


def too_low(step):
  """By which share of the measured time the estimate is too low."""
  return 1 - step["estimated_ms"] / step["measured_ms"]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["measured_as"])
def test_each_step_stands_beside_its_measurement(step):
  options, topology = parsed(step)
  assert options.rows * options.length == 32_768
  file, section, name = step["measured_as"].split(": ")
  measured = json.loads((RESULTS / file).read_text("utf-8"))[section][name]
  assert file == f"{topology}.json" and step["measured_ms"] == measured["ms"]
  assert f"{options.length} tokens" in name
  ways = {"now": "cpu", "bf16out, bhlk": "xla", "bf16out, cudnn": "cudnn"}
  assert ways[re.split(", (?:scan|unroll)", name)[0]] == options.attention
  assert ("remat" in name) == options.remat and ("unroll" in name) == options.unroll
  assert ("dropout" in name) == (options.dropout > 0) == (options.attention_dropout > 0)
  assert sum(step["by_category_ms"].values()) == pytest.approx(step["estimated_ms"], abs=0.5)


def test_the_table_of_the_page_has_all_of_them():
  rows = []
  for short, long in zip(STEPS[::2], STEPS[1::2], strict=True):
    options, topology = parsed(short)
    step = "remat, loop over the layers" if options.remat else "no remat, no loop"
    if options.dropout:
      step += ", dropout"
    times = [f"{one['estimated_ms']:.1f} / {one['measured_ms']:.1f} ms" for one in (short, long)]
    rows.append(f"| {topology.upper()} | {options.attention} | {step} | {times[0]} | {times[1]} |")
  assert [line for line in PAGE.splitlines() if " / " in line and line.endswith(" ms |")] == rows


def test_the_page_says_how_far_off_the_estimates_are():
  shares = {True: [], False: []}
  for step in STEPS:
    options, _ = parsed(step)
    shares[options.attention == "cudnn"].append(too_low(step))
  low, high = min(shares[True]), max(shares[True])
  text = " ".join(PAGE.split())
  assert (
    f"XLA's own kernels were at most {max(shares[False]):.1%} too low".replace("%", " %") in text
  )
  assert f"{-min(shares[False]):.1%} too high in one case".replace("%", " %") in text
  assert sum(share < 0 for share in shares[False]) == 1
  assert f"cuDNN's attention were {100 * low:.1f} to {100 * high:.1f} % too low" in text
