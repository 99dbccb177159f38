"""A run -> one self-contained HTML page with its curves, its results and what the model finds."""

from collections.abc import Sequence
import pathlib
from typing import Any

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError, run
from labse_jax.base.files import replacing
from labse_jax.encoding.encode_functions import load_encode
from labse_jax.evaluation.example_queries import Shown, accuracy, show
from labse_jax.pages import run as run_page
from labse_jax.pages.run_files import read_run

EXAMPLE = """example:
  labse-jax report runs/quickstart

Reads metrics.jsonl, config.json, evaluation.json and model/ of the folder, and writes report.html
and plots/*.png there. What is absent, the page says."""


def main(argv: Sequence[str]) -> None:
  """Writes the page of one run; raises InputError where there is no run to show."""
  args = _parsed(argv)
  workdir = pathlib.Path(args.workdir)
  if not workdir.is_dir():
    raise InputError(f"{workdir}: no such folder; give the --workdir of a training run.")
  found = read_run(workdir)
  shown, missing = _at_work(workdir / "model", found.evaluation or {}, args.data)
  page = run_page.page_of(workdir.resolve().name, found, shown, missing)
  # Nothing is written before every section is there.
  _write_images(workdir / "plots", page.images)
  with replacing(workdir / "report.html") as file:
    file.write(page.text)
  print(f"written: {workdir / 'report.html'}")


def _write_images(folder: pathlib.Path, images: dict[str, bytes]) -> None:
  """Writes what the sections drew for the page as files too, for slides."""
  for name in ("training", "languages", "directions", "similarity"):
    path = folder / f"{name}.png"
    path.unlink(missing_ok=True)  # An earlier report's picture is not this one's.
    if name in images:
      with replacing(path, "wb") as file:
        file.write(images[name])


def _at_work(
  model: pathlib.Path, evaluation: dict[str, Any], data: str | None
) -> tuple[Shown | None, str]:
  """What the model finds among the test's sentences; or None, and why nothing can be shown."""
  data = data or evaluation.get("data")
  if not model.is_dir():
    return None, f"The model is missing: there is no folder {model}."
  if not data:
    return None, "The test's sentences are missing: give their folder as --data."
  precision = evaluation.get("precision") or "float32"
  try:
    encode = load_encode(str(model), dtype=precision, prompt=evaluation.get("prompt"))
    return show(data, accuracy(evaluation), encode), ""
  except InputError as error:
    return None, f"Nothing can be shown: {error}"


def _parsed(argv):
  # argparse would show the two ways to name the run as if both could be left out.
  usage = "%(prog)s [-h] [--version] [--data FOLDER] (FOLDER | --workdir FOLDER)"
  parser = Command("report", __doc__, usage=usage, epilog=EXAMPLE)
  add = parser.add
  add("--data", metavar="FOLDER", help="the test's sentences, if they have moved")
  group = parser.add_mutually_exclusive_group(required=True)
  add("--workdir", dest="flag", group=group, metavar="FOLDER", help="the same, as `train` has it")
  filled = "the folder that a training run filled"
  add("workdir", nargs="?", group=group, metavar="FOLDER", help=filled)
  args = parser.parse(argv)
  args.workdir = args.workdir or args.flag
  return args


if __name__ == "__main__":
  run(main)
