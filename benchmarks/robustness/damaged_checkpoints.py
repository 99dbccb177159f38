"""A hundred ways to damage a run's newest checkpoint: is each of them noticed?

  python -m benchmarks.robustness.damaged_checkpoints --work DIR --seed 1 \\
      --output results/robustness/damaged_checkpoints.json

A small run is trained to its end (STEPS steps) and another one is stopped before it. Each damage is
done to a copy of the stopped run, which then goes on. Its losses, and the weights in the end, must
be bit-equal to those of the run that nobody stopped. A damage is "said" where the newest checkpoint
was set aside and an older one taken, "harmless" where it was taken and what was restored, and
what came after, is the same. Anything else fails. KINDS says how often each kind is tried.

One process does all of it, so that nothing is compiled anew.
"""

import argparse
import collections
import contextlib
import hashlib
import io
import json
import os
import pathlib
import random
import shutil
import sys
import threading

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from absl import logging
import jax
import orbax.checkpoint

from labse_jax import train as trainer
from labse_jax.base.files import write_json
from labse_jax.base.machine import hardware
from labse_jax.base.sharding import cache_compilations
from tests.support import tiny

STEPS = 12
STOPPED = 8  # The checkpoints of steps 4 and 8 are there then.
EVERY = 4
# (what is done, to which files) and how often.
KINDS = (
  ("flip one bit", "state", 25),
  ("flip one bit", "position", 12),
  ("flip one bit", "any", 18),
  ("zero 512 bytes", "state", 8),
  ("zero 512 bytes", "any", 5),
  ("cut", "any", 6),
  ("empty", "any", 4),
  ("remove", "any", 8),
  ("swap with another file", "any", 6),
  ("append 10 bytes", "any", 5),
  ("add a file", "any", 3),
)


class Stop(Exception):
  """Ends the run that is to be damaged, after its step."""


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--work", required=True, type=pathlib.Path, help="an empty folder, or none")
  parser.add_argument("--output", required=True, type=pathlib.Path)
  parser.add_argument("--seed", type=int, default=1)
  args = parser.parse_args()
  threading.excepthook = trainer.leave_to_main_thread
  logging.set_verbosity(logging.FATAL)
  cache_compilations()
  config = make(args.work)
  straight = args.work / "straight"
  train(config, straight)
  wanted = outcome(straight)
  stopped = args.work / "stopped"
  stop_at(config, stopped)
  assert train_copy(config, stopped, args.work / "copy")[0] == wanted, "without any damage"

  rng = random.Random(args.seed)
  rows = []
  for kind, where, count in KINDS:
    for _ in range(count):
      rows.append(damaged(config, stopped, args.work / "copy", (kind, where), wanted, rng))
      print(len(rows), json.dumps(rows[-1]), flush=True)
  write_json(args.output, summary(rows, args))
  failed = [row for row in rows if row["result"].startswith("FAILED")]
  print(f"{len(rows)} damages, {len(failed)} failed.")
  return 1 if failed else 0


def make(folder):
  """A dataset and a vocabulary of made-up words, and the config of a run on them."""
  folder.mkdir(parents=True)
  tiny.make(folder)
  return tiny.config(folder, total_steps=STEPS, save_every=EVERY)


def train(config, workdir):
  """Trains, and returns what was said on stderr."""
  said = io.StringIO()
  with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
    trainer.train(config, workdir)
  return said.getvalue()


def stop_at(config, workdir):
  """Trains until the checkpoint of step STOPPED is there and leaves the run as a crash would."""
  evaluate = trainer.evaluate

  def evaluate_or_stop(due, stage, state, mesh):
    if int(state["step"]) > STOPPED:
      raise Stop
    return evaluate(due, stage, state, mesh)

  trainer.evaluate = evaluate_or_stop
  with contextlib.suppress(Stop):
    train(config, workdir)
  trainer.evaluate = evaluate
  names = {path.name for path in (workdir / "checkpoints").iterdir()}
  assert names == {str(STOPPED - EVERY), str(STOPPED)}, names


def outcome(workdir):
  """The losses of all steps and the hash of the weights, as bits."""
  rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
  losses = [(row["step"], row["loss"], row["grad_norm"]) for row in rows]
  weights = (workdir / "model" / "model.safetensors").read_bytes()
  return losses, hashlib.sha256(weights).hexdigest()


def train_copy(config, stopped, copy, harm=lambda folder: None):
  """Lets a copy of the stopped run go on, with its newest checkpoint harmed; (outcome, stderr)."""
  shutil.rmtree(copy, ignore_errors=True)
  shutil.copytree(stopped, copy)
  harm(copy / "checkpoints" / str(STOPPED))
  said = train(config, copy)
  return outcome(copy), said


def damaged(config, stopped, copy, kind_and_where, wanted, rng):
  """One damage, as a row of the result."""
  kind, where = kind_and_where
  row = {"kind": kind, "of": where}
  try:
    found, said = train_copy(
      config, stopped, copy, lambda folder: row.update(harm(folder, kind, where, rng))
    )
  except Exception as error:  # A traceback for a person, and so a failure.
    return row | {"result": f"FAILED: {type(error).__name__}: {error}"}
  aside = sorted(path.name.split("-")[0] for path in (copy / "checkpoints").glob("*-*"))
  about = [line for line in said.splitlines() if f"checkpoint of step {STOPPED}" in line]
  if found != wanted:
    return row | {"result": "FAILED: another outcome", "said": said}
  if bool(aside) != bool(about):
    return row | {"result": "FAILED: set aside and said disagree", "said": said}
  if not aside:
    return row | {"result": "harmless"}
  return row | {"result": f"said, set aside as {aside[0]}"}


def harm(folder, kind, where, rng):
  """Damages a file of a checkpoint; returns which one, and where."""
  paths = sorted(path for path in folder.rglob("*") if path.is_file())
  if where == "state":  # The files that hold the arrays.
    paths = [path for path in paths if path.parent.name == "d"]
  elif where == "position":
    paths = [path for path in paths if path.is_relative_to(folder / "data") and full(path)]
  if kind not in ("remove", "add a file", "append 10 bytes"):
    paths = [path for path in paths if full(path)]
  path = rng.choice(paths)
  content = path.read_bytes()
  done = {"file": shown(path.relative_to(folder))}
  if kind == "flip one bit":
    place = rng.randrange(8 * len(content))
    bits = bytearray(content)
    bits[place // 8] ^= 1 << place % 8
    path.write_bytes(bits)
    done["bit"] = place
  elif kind == "zero 512 bytes":
    start = rng.randrange(len(content))
    zeros = bytes(len(content[start : start + 512]))
    path.write_bytes(content[:start] + zeros + content[start + 512 :])
    done["byte"] = start
  elif kind == "cut":
    done["bytes"] = rng.randrange(1, len(content)) if len(content) > 1 else 0
    path.write_bytes(content[: done["bytes"]])
  elif kind == "empty":
    path.write_bytes(b"")
  elif kind == "remove":
    path.unlink()
  elif kind == "swap with another file":
    other = rng.choice([p for p in paths if p.read_bytes() != content])
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)
    done["with"] = shown(other.relative_to(folder))
  elif kind == "append 10 bytes":
    path.write_bytes(content + bytes(10))
  else:
    path.with_name("added").write_bytes(content)
    done["file"] = shown(path.with_name("added").relative_to(folder))
  return done


def full(path):
  return path.stat().st_size > 0


def shown(path):
  """A relative path; the random names of the files of arrays say nothing."""
  return str(path.with_name("ARRAYS") if path.parent.name == "d" else path)


def summary(rows, args):
  results = collections.Counter(row["result"].split(":")[0] for row in rows)
  by_kind = collections.defaultdict(collections.Counter)
  for row in rows:
    by_kind[f"{row['kind']}, {row['of']}"][row["result"].split(":")[0]] += 1
  harmless = collections.Counter(row["file"] for row in rows if row["result"] == "harmless")
  return {
    "command": f"python -m benchmarks.robustness.damaged_checkpoints --seed {args.seed}",
    "seed": args.seed,
    "hardware": hardware(),
    "versions": {
      "python": sys.version.split()[0],
      "jax": jax.__version__,
      "orbax": orbax.checkpoint.__version__,
    },
    "steps": STEPS,
    "damaged at step": STOPPED,
    "damages": len(rows),
    "results": dict(results),
    "by kind": {kind: dict(counts) for kind, counts in by_kind.items()},
    "files of harmless damages": dict(harmless),
    "rows": rows,
  }


if __name__ == "__main__":
  sys.exit(main())
