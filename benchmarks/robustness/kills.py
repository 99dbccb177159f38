"""SIGKILL at random moments: whether a run that goes on becomes the run that nobody killed.

  python -m benchmarks.robustness.kills --kills 200 --scratch DIR \\
      --output results/robustness/kills.json

The kills are spread over the sixteen trainings of `kill_configs.py`. A trial is one training,
killed one to three times and started again each time, until it ends. Then its metrics.jsonl
(without times) and every file of its model must be those of the same training without a kill, byte
for byte. Every run is a process of its own that calls the command `train`; it is forked from this
process, which has imported the package and has no devices of JAX.

Each trial is a line in DIR/trials.jsonl: stopped and started again, this script goes on from there.
What a failed trial left is in DIR/failed. A new DIR is needed after the code has changed.
"""

import argparse
import collections
import json
import os
import pathlib
import platform
import random
import shutil
import signal
import sys
import time

os.environ["JAX_PLATFORMS"] = "cpu"

from absl import flags
import jax

from benchmarks.robustness import kill_configs, tiny_folder
from benchmarks.robustness.run_results import differing, left_behind, place, rows_in, unfinished
from benchmarks.robustness.training_process import Training, forked, must_end_well
from labse_jax.base.files import write_json
from labse_jax.base.machine import hardware

KILLS_A_TRIAL = 3  # At most.
LONGEST = 600  # Seconds after which a run hangs.
PATIENCE = 10  # Seconds that a process has to end after the other one was killed.
AFTER_A_STEP = 0.3  # A kill comes up to so many seconds after the log of its step.


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  for name in ("scratch", "output"):
    parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
  parser.add_argument("--kills", type=int, default=200)
  parser.add_argument("--configs", help="some of the trainings, separated by commas")
  parser.add_argument("--workers", type=int, default=1, help="trials at a time")
  parser.add_argument("--seed", type=int, default=0)
  args = parser.parse_args()
  # Stopped by SIGTERM, a worker kills its training too; Ctrl-C does so by itself.
  signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
  os.environ["XDG_CACHE_HOME"] = str(args.scratch.absolute() / "cache")
  names = args.configs.split(",") if args.configs else list(kill_configs.SETUPS)
  wanted = {}
  for number, name in enumerate(names):
    wanted[name] = args.kills // len(names) + (number < args.kills % len(names))
  folder = args.scratch.absolute() / "tiny"
  must_end_well(forked(lambda: make_folder(folder), args.scratch / "tiny.log"))
  workers = []
  for worker in range(args.workers):
    share = {name: wanted[name] for name in names[worker :: args.workers]}
    workers.append(forked(lambda share=share: kill_all(share, folder, args), None))
  for worker in workers:
    must_end_well(worker)
  write_json(args.output, summary(names, args))
  print(json.dumps(summary(names, args)["outcomes"]))


def make_folder(folder):
  flags.FLAGS.mark_as_parsed()  # Grain and Orbax read flags.
  tiny_folder.make(folder)


def kill_all(wanted, folder, args):
  """Trials of each training until it has been killed as often as wanted."""
  for name, kills in wanted.items():
    if kills:
      straight = unkilled(name, folder, args.scratch)
    while kills > sum(len(trial["kills"]) for trial in trials(name, args.scratch)):
      done = trials(name, args.scratch)
      left = kills - sum(len(trial["kills"]) for trial in done)
      trial = one_trial(name, folder, straight, len(done), left, args)
      with open(args.scratch / "trials.jsonl", "a") as file:
        file.write(json.dumps(trial) + "\n")
      print(f"{name} {trial['trial']}: {len(trial['kills'])} kills, {trial['outcome']}", flush=True)


def trials(name, scratch):
  """The trials of a training that are done."""
  path = scratch / "trials.jsonl"
  lines = path.read_text().splitlines() if path.exists() else []
  return [trial for trial in map(json.loads, lines) if trial["training"] == name]


def unkilled(name, folder, scratch):
  """What the training leaves where nobody kills it, and the seconds that it takes."""
  path = scratch / "straight" / f"{name}.json"
  if path.exists():
    return json.loads(path.read_text())
  # The second of two runs is timed: what the first one keeps on disk is there for it.
  first = one_unkilled(name, folder, path.with_suffix(".first"))
  second = one_unkilled(name, folder, path.with_suffix(".second"))
  difference = differing(first["left"], second["left"])
  if difference:
    sys.exit(f"{name}: two runs without a kill differ: {difference}")
  write_json(path, second)
  return second


def one_unkilled(name, folder, workdir):
  """What a run leaves that nobody kills, and the seconds that it takes."""
  shutil.rmtree(workdir, ignore_errors=True)
  started = time.monotonic()
  training = Training(name, folder, workdir, workdir.with_name(f"{workdir.name}.log"))
  try:
    ended = training.wait(LONGEST)
  finally:
    training.kill(training.pids)
  if not ended or not training.well():
    sys.exit(f"{name}: without a kill it ended with {training.status}; see {training.log}")
  return {"seconds": round(time.monotonic() - started, 2), "left": left_behind(workdir)}


def one_trial(name, folder, straight, number, most, args):
  """One training, killed and started again until it ends; what is to be told of it."""
  rng = random.Random(f"{args.seed} {name} {number}")
  workdir = args.scratch / "killed" / name / "run"
  shutil.rmtree(workdir.parent, ignore_errors=True)
  log = workdir.with_suffix(".log")
  kills, training, ended = killed_and_ended(
    lambda: Training(name, folder, workdir, log),
    rng,
    workdir,
    straight,
    min(most, rng.randint(1, KILLS_A_TRIAL)),
  )
  outcome = "identical"
  if not ended:
    outcome = f"hangs: no end in {LONGEST} s"
  elif not training.well():
    outcome = f"failed: status {sorted(training.status.values())}"
  else:
    difference = differing(straight["left"], left_behind(workdir))
    if difference:
      outcome = f"differs: {difference}"
  if outcome != "identical":
    kept = args.scratch / "failed" / f"{name}-{number}"
    shutil.copytree(workdir.parent, kept, dirs_exist_ok=True)
  tracebacks = log.read_text(errors="replace").count("Traceback (most recent call last)")
  return {
    "training": name,
    "trial": number,
    "kills": kills,
    "outcome": outcome,
    "tracebacks": tracebacks,
  }


def killed_and_ended(start, rng, workdir, straight, planned):
  """(what is to be told of each kill, the last start, whether that ended) of one trial."""
  kills = []
  while True:
    before = unfinished(workdir)
    training = start()
    try:
      if len(kills) == planned:
        return kills, training, training.wait(LONGEST)
      moment = draw(rng, workdir, straight)
      ended = waited(training, moment, rng, workdir)
      if ended or rows_in(workdir) < moment["rows"]:  # It was faster than the kill, or hangs.
        return kills, training, ended
      about = kill(training, rng)
      kills.append(moment | {"place": place(workdir, before)} | about)
    finally:
      training.kill(training.pids)  # What hangs; none where all have ended.


def waited(training, moment, rng, workdir):
  """Waits until the moment of a kill; whether the run ended before."""
  if not moment["rows"]:
    return training.wait(moment["seconds"])
  if training.wait(LONGEST, until=lambda: rows_in(workdir) >= moment["rows"]):
    return True
  return training.wait(rng.uniform(0, AFTER_A_STEP))


def draw(rng, workdir, straight):
  """When to kill: at any moment of a run, or as often soon after its log has so many rows."""
  before = rows_in(workdir)
  total = len(straight["left"]["rows"])
  if before < total and rng.random() < 0.5:
    return {"rows": rng.randint(before + 1, total)}
  return {"rows": 0, "seconds": round(rng.uniform(0, straight["seconds"]), 3)}


def kill(training, rng):
  """Kills all processes, or one of several and later what is left; what is to be told of it."""
  some = training.pids
  if len(some) > 1:
    some = rng.choice([some, some[:1], some[1:]])
  training.kill(some)
  about = {"processes": [training.pids.index(pid) for pid in some]}
  if not training.wait(PATIENCE if len(some) < len(training.pids) else LONGEST):
    about["survivor"] = f"did not end within {PATIENCE} s"
    training.kill(training.pids)
    training.wait(LONGEST)
  elif len(some) < len(training.pids):
    statuses = [training.status[pid] for pid in training.pids if pid not in some]
    about["survivor"] = f"ended with status {statuses[0]}"
  return about


def summary(names, args):
  trainings = {}
  everything = []
  for name in names:
    done = trials(name, args.scratch)
    everything += done
    path = args.scratch / "straight" / f"{name}.json"
    setup = kill_configs.SETUPS[name]
    trainings[name] = {
      "devices": setup.devices * setup.processes,
      "processes": setup.processes,
      "seconds without a kill": json.loads(path.read_text())["seconds"],
      "kills": sum(len(trial["kills"]) for trial in done),
      "trials": len(done),
      "identical": sum(trial["outcome"] == "identical" for trial in done),
    }
  kills = [kill for trial in everything for kill in trial["kills"]]
  return {
    "command": f"python -m benchmarks.robustness.kills --kills {args.kills}",
    "hardware": hardware(),
    "versions": {"python": platform.python_version(), "jax": jax.__version__},
    "seed": args.seed,
    "workers": args.workers,
    "data": "the tests' 600 made-up pairs",
    "model": "the tests' tiny BERT, width 16",
    "steps": kill_configs.STEPS,
    "a checkpoint every": kill_configs.SAVE_EVERY,
    "kills": len(kills),
    "places": collections.Counter(kill["place"] for kill in kills),
    "survivors": collections.Counter(kill["survivor"] for kill in kills if "survivor" in kill),
    "outcomes": collections.Counter(trial["outcome"].partition(":")[0] for trial in everything),
    "failed": [trial for trial in everything if trial["outcome"] != "identical"],
    "trials with a traceback": sum(trial["tracebacks"] > 0 for trial in everything),
    "trainings": trainings,
  }


if __name__ == "__main__":
  main()
