"""Reading the files of a run that its page shows."""

import dataclasses
import json
import pathlib
from typing import Any

from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.base.writing import digests

Row = dict[str, Any]  # One line of metrics.jsonl: its "step", and what was logged there.


@dataclasses.dataclass(frozen=True)
class Run:
  """What a run wrote; `torn` where the last line of its log was cut short and is left out."""

  log: list[Row]
  torn: bool
  config: dict[str, Any] | None
  evaluation: dict[str, Any] | None
  phases: dict[str, int]


def read_run(workdir: pathlib.Path) -> Run:
  """The run in a folder; raises InputError without a log, and for a file of another form."""
  log, torn = read_metrics(workdir / "metrics.jsonl")
  return Run(
    log=log,
    torn=torn,
    config=read_config(workdir / "config.json"),
    evaluation=read_evaluation(workdir / "evaluation.json"),
    phases=read_phases(workdir / "phases.tsv"),
  )


def read_metrics(path: pathlib.Path) -> tuple[list[Row], bool]:
  """The logged steps, and whether the last line was cut short (by a crash) and left out."""
  if not path.is_file():
    raise InputError(f"{path}: no such file; train the run first.")
  # As bytes: a line that was cut short may end within a character.
  lines = path.read_bytes().rstrip().split(b"\n")
  rows: list[Row] = []
  for number_of_line, line in enumerate(lines, 1):
    if not line.strip():
      continue
    try:
      row = json.loads(line)
    except ValueError as error:
      if number_of_line == len(lines) and rows:
        return rows, True
      raise InputError(f"{path}:{number_of_line}: is not JSON ({error}).") from error
    if not isinstance(row, dict) or not isinstance(row.get("step"), int):
      raise InputError(f"{path}:{number_of_line}: each line is one object with a 'step'.")
    rows.append(row)
  if not rows:
    raise InputError(f"{path}: is empty; no step was logged yet.")
  return rows, False


def read_config(path: pathlib.Path) -> dict[str, Any] | None:
  """A run's config as it was written, or None where there is no such file."""
  config = read_object(path)
  return digests.unsealed(path, config) if config is not None else None


def read_object(path: pathlib.Path) -> dict[str, Any] | None:
  """The JSON object in a file, or None where there is no such file."""
  return files.read_json(path) if path.is_file() else None


def read_evaluation(path: pathlib.Path) -> dict[str, Any] | None:
  """One model's result in a file, or None where there is no such file."""
  evaluation = read_object(path)
  if evaluation is not None and not {"suite", "results", "average"} <= set(evaluation):
    several = "compares models" if "models" in evaluation else "is no result of evaluate"
    raise InputError(f"{path}: {several}; evaluate this run's model alone with --output {path}.")
  return evaluation


def read_phases(path: pathlib.Path) -> dict[str, int]:
  """{phase: seconds} of phases.tsv, which launch/quickstart.sh writes; {} where there is none.

  A phase that failed and came again stands there more than once: its seconds add up.
  """
  phases: dict[str, int] = {}
  lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
  for number, line in enumerate(lines, 1):
    name, _, seconds = line.partition("\t")
    if not seconds.isdecimal():
      raise InputError(f"{path}:{number}: is not a phase, a tab and its seconds.")
    phases[name] = phases.get(name, 0) + int(seconds)
  return phases
