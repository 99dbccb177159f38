"""A run -> one self-contained HTML page with its curves, its results and what the model finds."""

import argparse
import json
import pathlib

from labse_jax.base.errors import InputError, run
from labse_jax.base.files import replacing
from labse_jax.pages import example_queries, html
from labse_jax.pages import run as run_sections

EXAMPLE = """example:
  python -m labse_jax.report runs/quickstart

Reads metrics.jsonl, config.json, evaluation.json and model/ of the folder, and writes report.html
and plots/*.png there. What is absent, the page says."""


def main(argv):
  """Writes the page of one run; raises InputError where there is no run to show."""
  parser = argparse.ArgumentParser(
    prog="labse_jax.report",
    description=__doc__,
    epilog=EXAMPLE,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument("workdir", metavar="WORKDIR", help="the folder that a training run filled")
  parser.add_argument("--data", metavar="DIR", help="the test's sentences, if they have moved")
  args = parser.parse_args(argv)
  workdir = pathlib.Path(args.workdir)
  if not workdir.is_dir():
    raise InputError(f"{workdir}: no such folder; give the --workdir of a training run.")
  rows, torn = read_metrics(workdir / "metrics.jsonl")
  config = read_object(workdir / "config.json")
  evaluation = read_evaluation(workdir / "evaluation.json")
  name = workdir.resolve().name
  # What each section draws for the page also lies beside it, for slides.
  images = {}
  body = [html.element("h1", name), *run_sections.overview(rows, evaluation)]
  body += run_sections.training(rows, torn, images)
  body += run_sections.evaluated(evaluation, images)
  body += example_queries.at_work(workdir / "model", evaluation, args.data, images)
  body += run_sections.provenance(config, evaluation)
  for title in ("training", "languages", "directions", "similarity"):
    path = workdir / "plots" / f"{title}.png"
    path.unlink(missing_ok=True)  # An earlier report's picture is not this one's.
    if title in images:
      with replacing(path, "wb") as file:
        file.write(images[title])
  with replacing(workdir / "report.html") as file:
    file.write(html.page(f"{name} · labse_jax", body))
  print(f"written: {workdir / 'report.html'}")


def read_metrics(path):
  """The logged steps, and whether the last line was cut short (by a crash) and left out."""
  if not path.is_file():
    raise InputError(f"{path}: no such file; train the run first.")
  lines = [(n, line) for n, line in enumerate(path.read_bytes().split(b"\n"), 1) if line.strip()]
  rows = []
  for number, line in lines:
    try:
      row = json.loads(line)
    except ValueError as error:
      if number == lines[-1][0] and rows:
        return rows, True
      raise InputError(f"{path}:{number}: is not JSON ({error}).") from error
    if not isinstance(row, dict) or not isinstance(row.get("step"), int):
      raise InputError(f"{path}:{number}: each line is one object with a 'step'.")
    rows.append(row)
  if not rows:
    raise InputError(f"{path}: is empty; no step was logged yet.")
  return rows, False


def read_object(path):
  """The JSON object in a file, or None where there is no such file."""
  if not path.is_file():
    return None
  try:
    value = json.loads(path.read_text(encoding="utf-8"))
  except ValueError as error:
    raise InputError(f"{path}: is not JSON ({error}).") from error
  if not isinstance(value, dict):
    raise InputError(f"{path}: holds no JSON object.")
  return value


def read_evaluation(path):
  """One model's result in a file, or None where there is no such file."""
  evaluation = read_object(path)
  if evaluation is not None and not {"suite", "results", "average"} <= set(evaluation):
    several = "compares models" if "models" in evaluation else "is no result of evaluate"
    raise InputError(f"{path}: {several}; evaluate this run's model alone with --output {path}.")
  return evaluation


if __name__ == "__main__":
  run(main)
