"""Ten runs of the commands on this device: whether each ends well, and how long it takes."""

from concurrent.futures import ThreadPoolExecutor
import os
import shutil
import subprocess
import sys
import time

from sections import packed
from sections.places import SMALL, WORK
from sections.results import Results

FOLDER = WORK / "smoke"
AT_ONCE = 3
MEMORY = ".25"  # Of the device, for each of those that run at once.
LINES = 60 if SMALL else 400
PAIRS = 300 if SMALL else 2_000
MINIMUM = 10 if SMALL else 200  # Sentences that a language of the held-out set needs.
SHOWN = 1_500  # Characters of the output of a command that failed.


def run(results: Results) -> None:
  # Of an earlier run's models the commands would say that all is done.
  shutil.rmtree(FOLDER, ignore_errors=True)
  FOLDER.mkdir(parents=True)
  write_inputs()
  # The commands of the second group read what training writes.
  for group in (training_commands(), model_commands()):
    with ThreadPoolExecutor(AT_ONCE) as pool:
      running = {name: pool.submit(call, command) for name, command in group.items()}
      for name, future in running.items():
        note(results, name, *future.result())


def write_inputs() -> None:
  lines = packed.lines(LINES)
  for name, part in (("lines", lines), ("even", lines[::2]), ("odd", lines[1::2])):
    (FOLDER / f"{name}.txt").write_text("\n".join(part) + "\n", "utf-8")
  # Hard negatives are stored beside the dataset: those of the whole one would be the trainer's.
  packed.write_dataset(FOLDER / "data", PAIRS)


def training_commands() -> dict[str, list[str]]:
  """Commands that need no model."""
  options = f"runlocal,data={packed.dataset()},tokenizer={packed.VOCABULARY}"
  config = [
    f"--config=experiments/quickstart.py:{options}",
    f"--config.model.vocab_size={len(packed.tokenizer())}",
  ]
  low = ["--config.dtype=bfloat16", "--config.remat=True"]
  return {
    "train": ["train", *config, f"--workdir={FOLDER}/train"],
    "train bfloat16, remat": ["train", *config, *low, f"--workdir={FOLDER}/train_bfloat16"],
    "plan": ["plan", *config, "--topology=local", "--no-search"],
  }


def model_commands() -> dict[str, list[str]]:
  """Commands that take the model of `train`."""
  model = f"--model={FOLDER}/train/model"
  encode = ["encode", model, f"--input={FOLDER}/lines.txt"]
  evaluate = ["evaluate", model, "--suite=tatoeba", f"--data={packed.HELD_OUT}"]
  texts = [f"--source={FOLDER}/even.txt", f"--target={FOLDER}/odd.txt"]
  trim = ["trim", model, f"--data={FOLDER}/data", f"--output={FOLDER}/trimmed"]
  return {
    "encode": [*encode, f"--output={FOLDER}/float32.npy"],
    "encode bfloat16": [*encode, f"--output={FOLDER}/bfloat16.npy", "--dtype=bfloat16"],
    "evaluate": [*evaluate, f"--min-pairs={MINIMUM}", f"--output={FOLDER}/evaluation.json"],
    "report": ["report", f"{FOLDER}/train"],
    "mine": ["mine", model, *texts, f"--output={FOLDER}/mined.tsv", "--threshold=0.5"],
    "trim": trim,
    "hard_negatives": ["hard_negatives", model, f"--data={FOLDER}/data", "--k=2"],
  }


def call(command: list[str]) -> tuple[int, float, str]:
  """(status, seconds, what it said) of one command."""
  verb, *arguments = command
  start = time.perf_counter()
  done = subprocess.run(
    [sys.executable, "-m", f"labse_jax.{verb}", *arguments],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    env=os.environ | {"XLA_PYTHON_CLIENT_MEM_FRACTION": MEMORY},
  )
  return done.returncode, time.perf_counter() - start, done.stdout.strip()


def note(results: Results, name: str, status: int, seconds: float, said: str) -> None:
  last = said.splitlines()[-1] if said else ""
  results.note(name, {"status": status, "seconds": round(seconds, 1), "said": last})
  if status:
    print(said[-SHOWN:])
    results.fail(name, f"status {status}: {last}")
