"""A model folder -> its results on a benchmark, as a table and as JSON."""

import argparse
import inspect
import json
import os
import pathlib
import platform
import shlex
import sys
import time

import labse_jax
from labse_jax import plugins
from labse_jax.errors import InputError, known, run
from labse_jax.files import replacing

EXAMPLE = """example:
  python -m labse_jax.evaluate --model runs/quickstart/model --suite tatoeba \\
      --data tatoeba --languages 14 --output evaluation.json
  python -m labse_jax.evaluate --model runs/quickstart/model --suite xsim \\
      --data ntrex --languages fra,jpn --option margin=distance --output xsim.json

The output holds {"suite", "results": {language: {metric: value}}, "average"}; values are fractions
from 0 to 1 (correlations from -1), or {value, low, high} where there is a 95 % interval. The model,
the data, the command, the machine and the seconds stand beside them."""
LOWER_IS_BETTER = {"error"}


def main(argv):
  """Evaluates a model folder; nothing is written where anything fails."""
  args = _parse(argv)
  if pathlib.Path(args.output).is_dir():
    raise InputError(f"{args.output}: is a folder; a file name is needed.")
  suite = plugins.chosen("evaluators", args.suite).Evaluator
  languages = args.languages and args.languages.split(",")
  options = _options(args.option, args.suite, suite)
  evaluator = suite(data=args.data, languages=languages, minimum=args.minimum, **options)
  begin = time.monotonic()
  result = evaluator.run(load_encode(args.model, precision=args.precision, prompt=args.prompt))
  result |= {
    "model": args.model,
    "data": args.data,
    "precision": args.precision,
    "prompt": args.prompt,
    "command": shlex.join(["python", "-m", "labse_jax.evaluate", *argv]),
    "hardware": hardware(),
    "version": labse_jax.__version__,
    "seconds": round(time.monotonic() - begin, 1),
  }
  with replacing(args.output) as file:
    json.dump(result, file, ensure_ascii=False, indent=2)
    file.write("\n")
  print(table(result))
  print(f"\nwritten: {args.output}")


def _options(settings, name, suite):
  """{option: value} of a suite's own options, given as NAME=VALUE."""
  own = set(inspect.signature(suite).parameters) - {"data", "languages", "minimum"}
  options = {}
  for setting in settings:
    option, _, value = setting.partition("=")
    known(f"option of {name}", option, own)
    options[option] = int(value) if value.isdecimal() else value
  return options


def load_encode(model, *, precision="float32", prompt=None):
  """A function from a list of sentences to unit vectors, float32 [N, D], by a model folder."""
  from labse_jax.encode import SentenceEncoder  # Late: `--help` does not wait for JAX.

  encoder = SentenceEncoder.load(model, precision=precision)
  options = {"show_progress_bar": sys.stderr.isatty(), "prompt": prompt}
  return lambda texts: encoder.encode(texts, normalize_embeddings=True, **options)


def hardware():
  """The processor, its cores that this process may use, and JAX's devices."""
  import jax

  cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
  kinds = [device.device_kind for device in jax.devices()]
  devices = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
  return {"processor": _processor(), "cores": cores, "devices": devices}


def _processor():
  info = pathlib.Path("/proc/cpuinfo")
  lines = info.read_text().splitlines() if info.exists() else []
  names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
  return names[0] if names else platform.processor() or platform.machine()


def table(result):
  """A suite's results as aligned columns, the best language first and the average last."""
  body = rows(result)
  grid = [["language", *metrics_of(result)], *body]
  widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
  lines = [
    "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in grid
  ]
  lines.insert(-1, "-" * len(lines[0]))
  return "\n".join([*lines, *left_out(result)])


def metrics_of(result):
  """The metrics' names: the count first and the main one, a suite's first, last."""
  names = list(dict.fromkeys(name for row in result["results"].values() for name in row))
  return sorted(names[1:], key=lambda name: name != "pairs") + names[:1]


def rows(result):
  """The table's cells: [language, metric, ...], the best language first and the average last."""
  metrics, values = metrics_of(result), result["results"]
  main = lambda language: number(values[language].get(metrics[-1], 0))
  best_first = sorted(values, key=main, reverse=metrics[-1] not in LOWER_IS_BETTER)
  named = [(language, values[language]) for language in best_first]
  named.append(("average", result["average"]))
  return [[name, *(metric_text(row.get(metric)) for metric in metrics)] for name, row in named]


def left_out(result):
  """A line that names the languages that were skipped, where there are any."""
  skipped = ", ".join(f"{name} ({count})" for name, count in result.get("skipped", {}).items())
  return [f"left out, with too few pairs: {skipped}"] if skipped else []


def number(value):
  """The number of a metric that may carry an interval."""
  return value["value"] if isinstance(value, dict) else value


def metric_text(value):
  """A metric as people read it: three places, a count, or nothing."""
  if isinstance(value, dict):
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"
  if isinstance(value, float):
    return f"{value:.3f}"
  return "" if value is None else str(value)


def _parse(argv):
  parser = argparse.ArgumentParser(
    prog="labse_jax.evaluate",
    description=__doc__,
    epilog=EXAMPLE,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add, suites = parser.add_argument, plugins.names("evaluators")
  add("--model", required=True, metavar="FOLDER", help="a sentence-transformers model folder")
  add("--suite", required=True, metavar="NAME", help=f"one of: {', '.join(suites)}")
  add("--data", required=True, metavar="DIR", help="the suite's file or folder")
  add("--output", required=True, metavar="FILE.json", help="where the results are written")
  add("--languages", metavar="A,B", help="codes, or a suite's groups such as 14 (default: all)")
  add("--precision", default="float32", choices=["float32", "bfloat16"], help="of the computation")
  add("--prompt", metavar="TEXT", help="put before each sentence (default: the folder's own)")
  add("--minimum", type=int, default=0, metavar="N", help="leave out languages with fewer pairs")
  what = "an option of the suite, such as pivot, margin or k of xsim; may be repeated"
  add("--option", action="append", default=[], metavar="NAME=VALUE", help=what)
  return parser.parse_args(argv)


if __name__ == "__main__":
  run(main)
