"""Whether a train step on several CPU devices is the same at a second start, for every kind.

  python -m benchmarks.robustness.compiled_steps --scratch DIR \\
      --output results/robustness/compiled_steps.json

Each case is a loss with its exchange, chunks, matryoshka and learned options; `step_cases.py` lists
them. Each is started twice, in two processes with one folder for compiled programs, first as a
person would, then with the guard taken back that keeps such programs off the disk. "Same" means
that the losses of the second start are finite, and bit-equal to those of the first. Stopped and
started again, this script keeps the losses that are done; a new DIR is needed after the code has
changed.
"""

import argparse
import collections
import concurrent.futures
import itertools
import json
import math
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

from absl import flags, logging
import jax
import jaxlib

from benchmarks.robustness import step_cases, tiny_folder
from labse_jax.base.files import read_json, write_json
from labse_jax.base.machine import hardware

ROOT = pathlib.Path(__file__).parents[2]
# Compiled in a hurry, as the tests are; a step that waits for another device ends soon.
XLA = (
  "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
  "--xla_cpu_collective_call_terminate_timeout_seconds=20"
)


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  for name in ("scratch", "output"):
    parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
  parser.add_argument("--losses", help="those whose names begin so; separated by commas")
  parser.add_argument("--devices", type=int, default=4, help="that the CPU simulates")
  parser.add_argument("--steps", type=int, default=20, help="of each start")
  parser.add_argument("--workers", type=int, default=1, help="losses at a time")
  parser.add_argument("--limit", type=float, default=900, help="seconds that a case may take")
  args = parser.parse_args()
  flags.FLAGS.mark_as_parsed()
  logging.set_verbosity(logging.FATAL)
  folder = args.scratch / "tiny"
  tiny_folder.make(folder)
  cases = list(step_cases.all_cases())
  if args.losses:
    cases = [case for case in cases if case.loss.startswith(tuple(args.losses.split(",")))]
  by_loss = collections.defaultdict(list)
  for case in cases:
    by_loss[case.loss].append(case)
  with concurrent.futures.ThreadPoolExecutor(args.workers) as pool:
    found = pool.map(lambda cases: of_loss(cases, folder, args), by_loss.values())
    rows = list(itertools.chain(*found))
  write_json(args.output, result(rows, args))
  print(json.dumps(result(rows, args)["counts"], indent=2))


def of_loss(cases, folder, args):
  """The rows of one loss: each case started twice with the guard, and twice without it."""
  names = [case.name for case in cases]
  own = args.scratch / cases[0].loss
  done = own / "rows.json"
  if done.exists():
    return read_json(done, kind=list)
  shutil.rmtree(own, ignore_errors=True)
  # A teacher's vectors and mined negatives are written into it.
  shutil.copytree(folder, own / "tiny")
  starts = {}
  for guard in (False, True):
    for number in (1, 2):
      starts[guard, number] = start(names, own, args, guard)
  rows = []
  for case in cases:
    row = case._asdict()
    for guard, words in ((True, "with the guard"), (False, "without the guard")):
      row[words] = verdict(starts[guard, 1][case.name], starts[guard, 2][case.name])
    if row["with the guard"] == "same":
      row["last loss"] = starts[True, 1][case.name][-1]
    print(json.dumps(row), flush=True)
    rows.append(row)
  write_json(done, rows)
  return rows


def verdict(first, second):
  """What a second start gave, beside the losses of the first."""
  if isinstance(second, str):
    return second
  if second == first:
    return "same" if all(map(math.isfinite, second)) else "not finite"
  return "other losses" if all(map(math.isfinite, second)) else "not finite"


def start(names, own, args, guard):
  """{name: its losses, or in words why there are none} of one start of the cases.

  A case that ends its process, or takes too long, has the others go on in a process of their own.
  """
  found = {}
  while len(found) < len(names):
    rest = [name for name in names if name not in found]
    found |= one_process(rest, own, args, guard)
  return found


def one_process(names, own, args, guard):
  """What the cases gave until one of them ended the process; at least one."""
  environment = os.environ | {
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": f"--xla_force_host_platform_device_count={args.devices} {XLA}",
    "JAX_COMPILATION_CACHE_DIR": str(own / f"compiled_{'with' if guard else 'without'}_guard"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    step_cases.FORCED: "" if guard else "1",
  }
  command = [sys.executable, "-m", "benchmarks.robustness.step_cases"]
  command += [str(own / "tiny"), str(args.steps), *names]
  log = own / "step_cases.jsonl"
  with open(log, "w") as out, open(log.with_suffix(".err"), "w") as err:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=err)
  ended = wait(process, log, args.limit)
  found = {}
  for row in map(json.loads, log.read_text().splitlines()):
    found[row["case"]] = row.get("losses") or refused(row, own)
  if len(found) < len(names):
    found[names[len(found)]] = ended
  return found


def refused(row, own):
  """What the train step says of a case that it does not take."""
  return f"refused: {row['refused'].replace(str(own), 'DIR')}"


def wait(process, log, limit):
  """How a process ended, in words; it is killed where a case takes longer than `limit` seconds."""
  size = 0
  last = time.monotonic()
  while process.poll() is None:
    if log.stat().st_size > size:
      size = log.stat().st_size
      last = time.monotonic()
    if time.monotonic() - last > limit:
      process.kill()
      process.wait()
      return f"no end in {limit:.0f} s"
    time.sleep(0.1)
  return f"ended with status {process.returncode}"


def result(rows, args):
  counts = {}
  for word in ("with", "without"):
    outcomes = collections.Counter(row[f"{word} the guard"].partition(":")[0] for row in rows)
    kept = args.scratch.glob(f"*/compiled_{word}_guard/jit_train_step*-cache")
    counts[f"{word} the guard"] = dict(outcomes) | {"train steps on disk": len(list(kept))}
  versions = {"python": platform.python_version(), "jax": jax.__version__}
  return {
    "command": "python -m benchmarks.robustness.compiled_steps",
    "hardware": hardware(),
    "simulated devices": args.devices,
    "XLA_FLAGS": XLA,
    "versions": versions | {"jaxlib": jaxlib.__version__},
    "seed": step_cases.SEED,
    "steps": args.steps,
    "model": "the tests' tiny BERT, one layer of width 16, random weights",
    "data": "the tests' 600 made-up pairs",
    "counts": counts,
    "cases": rows,
  }


if __name__ == "__main__":
  main()
