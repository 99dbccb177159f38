"""A model from nothing in the time that is left, and how well it finds held-out translations."""

import json
import pathlib
import shutil
import statistics
import subprocess
import sys

from sections import packed
from sections.measure import seconds_of
from sections.places import OUT, SMALL, WORK, seconds_left
from sections.results import Results

FOLDER = WORK / "quality"
MOST_SECONDS = 120  # Of training.
LEAST_SECONDS = 15
RESERVED = 60  # For the evaluation and the report.
LARGER = (  # Than the quickstart's, which two CPU cores have to train.
  "--config.batch_rows=2048",
  "--config.model.width=512",
  "--config.model.depth=6",
  "--config.model.heads=8",
  "--config.model.mlp_width=2048",
  "--config.schedule.peak=0.001",
)


def run(results: Results) -> None:
  # An earlier run's model would be taken for done.
  shutil.rmtree(FOLDER, ignore_errors=True)
  seconds = seconds_of(lambda: command(results, "train", *training()))
  results.note("train_seconds", seconds)
  if results.failures:
    return
  note_training(results, FOLDER / "metrics.jsonl")
  evaluation = FOLDER / "evaluation.json"
  command(results, "evaluate", *evaluating(evaluation))
  if not results.failures:
    results.note("average_accuracy", json.loads(evaluation.read_text("utf-8"))["average"])
    shutil.copy(evaluation, OUT)
  command(results, "report", str(FOLDER))
  if not results.failures:
    shutil.copy(FOLDER / "report.html", OUT)


def training() -> list[str]:
  """The arguments of labse_jax.train: the quickstart, larger, for the seconds that are left."""
  options = f"data={packed.dataset()},tokenizer={packed.VOCABULARY},one_stage"
  if SMALL:
    options += ",runlocal"
  else:
    seconds = min(MOST_SECONDS, max(LEAST_SECONDS, int(seconds_left()) - RESERVED))
    options += f",seconds={seconds}"
  return [
    f"--config=experiments/quickstart.py:{options}",
    f"--workdir={FOLDER}",
    "--config.dtype=bfloat16",
    f"--config.model.vocab_size={len(packed.tokenizer())}",
    *(() if SMALL else LARGER),
  ]


def evaluating(output: pathlib.Path) -> list[str]:
  """The arguments of labse_jax.evaluate on the held-out sentences."""
  return [
    f"--model={FOLDER}/model",
    "--suite=tatoeba",
    f"--data={packed.HELD_OUT}",
    f"--min-pairs={10 if SMALL else 200}",
    f"--output={output}",
    "--dtype=bfloat16",
  ]


def command(results: Results, verb: str, *arguments: str) -> None:
  """Runs one command, which says itself what it does."""
  status = subprocess.run([sys.executable, "-m", f"labse_jax.{verb}", *arguments]).returncode
  results.note(f"{verb}_status", status)
  if status:
    results.fail(verb, f"status {status}")


def note_training(results: Results, path: pathlib.Path) -> None:
  rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
  rates = [row["sentences_per_second"] for row in rows]
  results.note("steps", rows[-1]["step"] + 1)
  results.note("sentences_per_second", statistics.median(rates))
