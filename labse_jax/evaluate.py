"""Model folders or stored vectors -> their results on a benchmark, as a table, JSON and a page."""

import argparse
import inspect
import json
import pathlib
import shlex
import time

from labse_jax.base import plugins
from labse_jax.base.errors import InputError, known, run
from labse_jax.base.files import replacing
from labse_jax.base.machine import hardware
from labse_jax.base.version import __version__
from labse_jax.encoding import vector_files
from labse_jax.encoding.encode_functions import load_encode
from labse_jax.evaluation import comparison
from labse_jax.evaluation.result_table import aligned, notes, side_by_side, table

EXAMPLE = """examples:
  python -m labse_jax.evaluate --model runs/quickstart/model --suite tatoeba \\
      --data tatoeba --languages 14 --output evaluation.json --report evaluation.html
  python -m labse_jax.evaluate --model runs/quickstart/model --suite xsim \\
      --data ntrex --languages fra,jpn --option margin=distance --output xsim.json
  python -m labse_jax.evaluate --suite tatoeba --data tatoeba --write-texts laser.txt
  python -m labse_jax.evaluate --model runs/quickstart/model --model laser.npy \\
      --suite tatoeba --data tatoeba --output both.json

The output holds {"suite", "results": {language: {metric: value}}, "average"}; values are fractions
from 0 to 1 (correlations from -1), or {value, low, high} where there is a 95 % interval. The model,
the data, the command, the machine and the seconds stand beside them. Of several models it holds
{"models": {name: the same}, "comparisons": [paired bootstrap tests]}."""


def main(argv):
  """Evaluates models; nothing is written where anything fails."""
  args = _parse(argv)
  evaluator = _evaluator(args)
  if args.write_texts:
    count = vector_files.write_texts(args.write_texts, evaluator)
    print(f"written: {args.write_texts}, {count:,} texts")
    return
  published = comparison.read_published(args.published) if args.published else {}
  results, paired, shown = _evaluate(args, argv, evaluator)
  comparisons = comparison.compare(results, paired)
  if args.report:
    from labse_jax.pages import (
      evaluation as evaluation_page,  # Late: drawing is not waited for where none is asked.
    )

    page = evaluation_page.page_of(results, shown, comparisons, published)
  (alone,) = results.values() if len(results) == 1 else [None]
  with replacing(args.output) as file:
    value = alone or {"models": results, "comparisons": comparisons}
    json.dump(value, file, ensure_ascii=False, indent=2)
    file.write("\n")
  if args.report:
    with replacing(args.report) as file:
      file.write(page)
  print(table(alone) if alone and not published else _beside(results, comparisons, published))
  print(f"\nwritten: {', '.join(filter(None, [args.output, args.report]))}")


def _beside(results, comparisons, published):
  below = [*notes(next(iter(results.values()))), *comparison.lines(comparisons)]
  below += [f"published: {name}: {one['source']}" for name, one in published.items()]
  head, rows, totals = side_by_side(results, published)
  return aligned([head, *rows], totals, below)


def _evaluator(args):
  for path in filter(None, [args.output, args.report, args.write_texts]):
    if pathlib.Path(path).is_dir():
      raise InputError(f"{path}: is a folder; a file name is needed.")
  if args.model and not args.output:
    raise InputError("The results need a file: give --output FILE.json.")
  suite = plugins.chosen("evaluators", args.suite).Evaluator
  languages = args.languages and args.languages.split(",")
  options = _options(args.option, args.suite, suite)
  return suite(data=args.data, languages=languages, minimum=args.minimum, **options)


def _evaluate(args, argv, evaluator):
  """{model: result}, {model: what paired tests need} and {model: what the page shows}."""
  names = model_names(args.model)

  def load(model):
    return load_encode(model, precision=args.precision, prompt=args.prompt)

  encoders = [load(model) for model in args.model]  # All, so that a wrong one is said at once.
  results, paired, shown = {}, {}, {}
  looked_at = False
  if args.report:
    from labse_jax.evaluation import multilingual  # Late, as the page is.

    looked_at = bool(multilingual.translations(evaluator))
  for name, model, encode in zip(names, args.model, encoders, strict=True):
    begin, vectors = time.monotonic(), {}
    computed = not vector_files.is_stored(model)
    result = evaluator.run(_remembering(encode, vectors) if looked_at else encode)
    paired[name] = {key: result.pop(key) for key in comparison.PAIRED if key in result}
    results[name] = result | {
      "model": model,
      "data": args.data,
      "precision": args.precision if computed else None,
      "prompt": args.prompt if computed else None,
      "command": shlex.join(["python", "-m", "labse_jax.evaluate", *argv]),
      "hardware": hardware(),
      "version": __version__,
      "seconds": round(time.monotonic() - begin, 1),
    }
    shown[name] = multilingual.look(evaluator, vectors) if looked_at else {}
  return results, paired, shown


def _remembering(encode, vectors):
  """`encode` that also puts what it returns into `vectors`, {text: vector}."""

  def remember(texts):
    vectors_ND = encode(texts)
    vectors.update(zip(texts, vectors_ND, strict=True))
    return vectors_ND

  return remember


def model_names(models):
  """What to call models: the last parts of their paths, if they differ, else the paths."""
  if len(set(models)) < len(models):
    raise InputError(f"--model {max(models, key=models.count)} is given twice.")
  paths = map(pathlib.Path, models)
  short = [path.stem if vector_files.is_stored(path) else path.name for path in paths]
  return short if len(set(short)) == len(models) > 1 else models


def _options(settings, name, suite):
  """{option: value} of a suite's own options, given as NAME=VALUE."""
  own = set(inspect.signature(suite).parameters) - {"data", "languages", "minimum"}
  options = {}
  for setting in settings:
    option, _, value = setting.partition("=")
    known(f"option of {name}", option, own)
    options[option] = int(value) if value.isdecimal() else value
  return options


def _parse(argv):
  parser = argparse.ArgumentParser(
    prog="labse_jax.evaluate",
    description=__doc__,
    epilog=EXAMPLE,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add, suites = parser.add_argument, plugins.names("evaluators")
  what = parser.add_mutually_exclusive_group(required=True).add_argument
  what(
    "--model",
    action="append",
    metavar="FOLDER",
    help="a sentence-transformers model folder, or NAME.npy of any system's vectors beside "
    "NAME.txt, whose line N row N is of; may be repeated",
  )
  what(
    "--write-texts",
    metavar="FILE.txt",
    help="write the suite's distinct texts, for another system to encode, and stop",
  )
  add("--suite", required=True, metavar="NAME", help=f"one of: {', '.join(suites)}")
  add("--data", required=True, metavar="DIR", help="the suite's file or folder")
  add("--output", metavar="FILE.json", help="where the results are written")
  add("--report", metavar="FILE.html", help="also write one page with charts")
  form = '{name: {"source", "average", "languages", "results"}}'
  add("--published", metavar="FILE.json", help=f"figures to stand beside, marked as such: {form}")
  add("--languages", metavar="A,B", help="codes, or a suite's groups such as 14 (default: all)")
  add("--precision", default="float32", choices=["float32", "bfloat16"], help="of the computation")
  add("--prompt", metavar="TEXT", help="put before each sentence (default: a folder's own)")
  add("--minimum", type=int, default=0, metavar="N", help="leave out languages with fewer pairs")
  what = "an option of the suite, such as pivot, margin or k of xsim; may be repeated"
  add("--option", action="append", default=[], metavar="NAME=VALUE", help=what)
  return parser.parse_args(argv)


if __name__ == "__main__":
  run(main)
