"""Model folders or stored vectors -> their results on a benchmark, as a table, JSON and a page."""

import argparse
from collections.abc import Callable, Iterable, Sequence
import dataclasses
import inspect
import pathlib
import shlex
import time
import typing

import numpy as np

from labse_jax.base import extras, plugins
from labse_jax.base.command import Command
from labse_jax.base.errors import InputError, known, run
from labse_jax.base.files import check_outputs, replacing, write_json
from labse_jax.base.machine import hardware
from labse_jax.base.types import Encode, PathLike
from labse_jax.base.version import __version__
from labse_jax.encoding import vector_files
from labse_jax.encoding.encode_functions import load_encode
from labse_jax.evaluation import comparison
from labse_jax.evaluation.evaluator import Evaluator
from labse_jax.evaluation.result_table import Report, aligned, notes, side_by_side, table

if typing.TYPE_CHECKING:
  from labse_jax.evaluation.multilingual import Look

EXAMPLE = """examples:
  labse-jax evaluate --model runs/quickstart/model --suite tatoeba \\
      --data tatoeba --languages 14 --output evaluation.json --report evaluation.html
  labse-jax evaluate --model runs/quickstart/model --suite xsim \\
      --data ntrex --languages fra,jpn --option margin=distance --output xsim.json
  labse-jax evaluate --suite tatoeba --data tatoeba --write-texts laser.txt
  labse-jax evaluate --model runs/quickstart/model --model laser.npy \\
      --suite tatoeba --data tatoeba --output both.json

The output holds {"suite", "results": {language: {metric: value}}, "average"}; values are fractions
from 0 to 1 (correlations from -1), or {value, low, high} where there is a 95 % interval. The model,
the data, the command, the machine and the seconds stand beside them. Of several models it holds
{"models": {name: the same}, "comparisons": [paired bootstrap tests]}."""


@dataclasses.dataclass(frozen=True)
class Evaluated:
  """One model's report, what paired tests need of it, and what the page shows of it."""

  report: Report
  paired: comparison.Paired | None
  shown: "Look"


@dataclasses.dataclass(frozen=True)
class Settings:
  """How models are encoded, and what a report says of where it comes from."""

  data: str
  precision: str
  prompt: str | None
  command: str
  page: bool


def main(argv: Sequence[str]) -> None:
  """Evaluates models; nothing is written where anything fails."""
  args = _parse(argv)
  _check_outputs(args)
  if args.report:
    extras.check("report")
  evaluator = _evaluator(args)
  if args.write_texts:
    count = vector_files.write_texts(args.write_texts, evaluator.texts())
    print(f"written: {args.write_texts}, {count:,} texts")
    return
  published = comparison.read_published(args.published) if args.published else {}
  settings = Settings(
    data=args.data,
    precision=args.dtype,
    prompt=args.prompt,
    command=shlex.join(["python", "-m", "labse_jax.evaluate", *argv]),
    page=bool(args.report),
  )
  results = {}
  paired = {}
  shown = {}
  for name, one in _evaluate(args.model, evaluator, settings).items():
    results[name] = one.report
    paired[name] = one.paired
    shown[name] = one.shown
  comparisons = comparison.compare(results, paired)

  # The page is made before anything is written, so that a failure leaves no file.
  page = _page(results, shown, comparisons, published) if args.report else None
  alone = next(iter(results.values())) if len(results) == 1 else None
  if args.output:
    write_json(args.output, alone or {"models": results, "comparisons": comparisons})
  if page is not None:
    with replacing(args.report) as file:
      file.write(page)
  print(table(alone) if alone and not published else _beside(results, comparisons, published))
  written = _named(args.output, args.report)
  if written:
    print(f"\nwritten: {', '.join(written)}")


def _page(
  results: dict[str, Report],
  shown: "dict[str, Look]",
  comparisons: list[comparison.Comparison],
  published: dict[str, comparison.Published],
) -> str:
  # Late: drawing is not waited for where none is asked.
  from labse_jax.pages import evaluation as evaluation_page

  return evaluation_page.page_of(results, shown, comparisons, published)


def _beside(
  results: dict[str, Report],
  comparisons: list[comparison.Comparison],
  published: dict[str, comparison.Published],
) -> str:
  """The table of models side by side, with published figures, and the tests of each two."""
  below = [*notes(next(iter(results.values()))), *comparison.summary_lines(comparisons)]
  below += [f"published: {name}: {one['source']}" for name, one in published.items()]
  head, rows, totals = side_by_side(results, published)
  return aligned([head, *rows], totals, below)


def _check_outputs(args: argparse.Namespace) -> None:
  check_outputs(_named(args.output, args.report, args.write_texts), _inputs(args))


def _inputs(args: argparse.Namespace) -> list[PathLike]:
  """The files and folders that a run reads."""
  inputs: list[PathLike] = [*_named(args.data, args.published)]
  for model in args.model or ():
    inputs.append(model)
    if vector_files.is_stored(model):
      inputs.append(vector_files.texts_beside(model))
  return inputs


def _named(*paths: str | None) -> list[str]:
  """Those of the paths that were given."""
  return [path for path in paths if path]


def _evaluator(args: argparse.Namespace) -> Evaluator:
  suite = plugins.chosen("evaluators", args.suite).Evaluator
  languages = args.languages and args.languages.split(",")
  options = _options(args.option, args.suite, suite)
  return suite(data=args.data, languages=languages, minimum=args.min_pairs, **options)


def _evaluate(
  models: Sequence[str],
  evaluator: Evaluator,
  settings: Settings,
) -> dict[str, Evaluated]:
  """{name: Evaluated} of models."""
  names = model_names(models)
  # All are loaded before the first is evaluated, so that a wrong one is said at once.
  encoders = []
  for model in models:
    encoders.append(load_encode(model, dtype=settings.precision, prompt=settings.prompt))
  evaluated = {}
  for name, model, encode in zip(names, models, encoders, strict=True):
    evaluated[name] = _evaluate_one(model, encode, evaluator, settings)
  return evaluated


def _evaluate_one(
  model: str,
  encode: Encode,
  evaluator: Evaluator,
  settings: Settings,
) -> Evaluated:
  begin = time.monotonic()
  # Only the page needs the vectors, and only of suites that show sentences.
  pairs = evaluator.pairs() if settings.page else {}
  vectors: dict[str, np.ndarray] = {}
  result = evaluator.run(_remembering(encode, vectors) if pairs else encode)
  computed = not vector_files.is_stored(model)
  report = result.report | {
    "model": model,
    "data": settings.data,
    "precision": settings.precision if computed else None,
    "prompt": settings.prompt if computed else None,
    "command": settings.command,
    "hardware": hardware(),
    "version": __version__,
    "seconds": round(time.monotonic() - begin, 1),
  }
  shown: Look = {}
  if pairs:
    from labse_jax.evaluation import multilingual  # Late, as the page is.

    shown = multilingual.look(pairs, vectors)
  return Evaluated(report, result.paired, shown)


def _remembering(encode: Encode, vectors: dict[str, np.ndarray]) -> Encode:
  """`encode` that also puts what it returns into `vectors`, {text: vector}."""

  def remember(texts: Sequence[str]) -> np.ndarray:
    vectors_ND = encode(texts)
    vectors.update(zip(texts, vectors_ND, strict=True))
    return vectors_ND

  return remember


def model_names(models: Sequence[str]) -> Sequence[str]:
  """What to call models: the last parts of their paths if they differ, else the whole paths."""
  if len(set(models)) < len(models):
    raise InputError(f"--model {max(models, key=models.count)} is given twice.")
  if len(models) == 1:
    return models
  short = [_short_name(pathlib.Path(model)) for model in models]
  return short if len(set(short)) == len(models) else models


def _short_name(path: pathlib.Path) -> str:
  return path.stem if vector_files.is_stored(path) else path.name


def _options(
  given: Iterable[str],
  name: str,
  suite: Callable[..., Evaluator],
) -> dict[str, int | str]:
  """{option: value} of a suite's own options, given as NAME=VALUE."""
  own = set(inspect.signature(suite).parameters) - {"data", "languages", "minimum"}
  options: dict[str, int | str] = {}
  for setting in given:
    option, _, value = setting.partition("=")
    known(f"option of {name}", option, own)
    options[option] = int(value) if value.isdecimal() else value
  return options


def _parse(argv: Sequence[str]) -> argparse.Namespace:
  parser = Command("evaluate", __doc__, epilog=EXAMPLE)
  add = parser.add
  suites = plugins.names("evaluators")
  either = parser.add_mutually_exclusive_group(required=True)
  add(
    "--model",
    action="append",
    metavar="FOLDER",
    group=either,
    help="a sentence-transformers folder, its name on the Hugging Face hub, or NAME.npy of any "
    "system's vectors: row N is the vector of line N of NAME.txt; may be repeated",
  )
  add(
    "--write-texts",
    metavar="FILE.txt",
    group=either,
    help="write the suite's distinct texts, for another system to encode, and stop",
  )
  add("--suite", required=True, metavar="NAME", help=f"one of: {', '.join(suites)}")
  add("--data", required=True, metavar="FILE", help="the suite's file or folder")
  add("--output", metavar="FILE.json", help="also write the results there")
  add("--report", metavar="FILE.html", help="also write one page with charts")
  form = '{name: {"source", "average", "languages", "results"}}'
  add("--published", metavar="FILE.json", help=f"results of others, shown beside: {form}")
  add(
    "--languages",
    metavar="A,B",
    help="codes or names, or a suite's groups such as 14 (default: all)",
  )
  parser.add_dtype()
  parser.add_prompt()
  fewer = "leave out languages with fewer pairs"
  add("--min-pairs", old=["--minimum"], type=int, default=0, metavar="N", help=fewer)
  option = "an option of the suite, such as pivot, margin or k of xsim; may be repeated"
  add("--option", action="append", default=[], metavar="NAME=VALUE", help=option)
  return parser.parse(argv)


if __name__ == "__main__":
  run(main)
