"""Two files of sentences -> the pairs among them that are translations."""

import argparse
import contextlib
import math
import pathlib
import shutil
import sys
from typing import NamedTuple

import numpy as np

from labse_jax import calibration, files, fingerprint, margin, pair_files
from labse_jax.data.sources import stem_and_language
from labse_jax.encode import SentenceEncoder, encode_file
from labse_jax.errors import InputError, run
from labse_jax.pair_filters import allowed_pairs
from labse_jax.search import DTYPES

DESCRIPTION = """Finds the translations among the lines of two files, which may be .gz, .xz or .zst,
and writes score<TAB>source<TAB>target, best first, as LASER does. A score is a pair's cosine
divided by (--margin ratio) the mean cosine to both sides' k nearest; above it more is right, and
--threshold drops the pairs below. Equal lines count once; blank ones are left out. Pairs of equal
texts, and of lengths that do not fit, are never taken. With --score-only, line N of one file is a
translation of line N of the other, and each pair is scored, in order.

  python -m labse_jax.mine --model FOLDER --source de.txt --target en.txt --output pairs.tsv \\
      --threshold 1.06
  python -m labse_jax.mine ... --output pairs.tsv --precision 0.95 --report pairs.html

--precision finds the threshold itself, from sentences whose translation it keeps away, and writes
each pair's estimated precision (that of all pairs at least as good) as a column more.

A run that was killed goes on where it was when the same command is given again: until the end, its
vectors lie beside the output, in OUTPUT.vectors."""
MARKER = "of.json"
SIDES = ("source", "target")


class Text(NamedTuple):
  """The distinct lines of a file, the numbers at which each is first, and the row of each line."""

  lines: list
  numbers: list
  row_N: np.ndarray


def read_text(path, *, blanks=False):
  """A Text of the lines of a file, stripped; blank ones are left out unless `blanks`."""
  row_of, numbers, rows = {}, [], []
  for number, line in files.read_lines(path):
    line = line.strip()
    if not line and not blanks:
      continue
    if line not in row_of:
      row_of[line] = len(row_of)
      numbers.append(number)
    rows.append(row_of[line])
  if not rows:
    raise InputError(f"{path}: is empty; one sentence a line is needed.")
  return Text(list(row_of), numbers, np.array(rows))


def read_gold(path, x, y):
  """The rows of true pairs, int [2, G], from source<TAB>target, each a line of its text."""
  row_of = [{line: row for row, line in enumerate(text.lines)} for text in (x, y)]
  pairs = {}
  for number, line in files.read_lines(path):
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) != 2:
      raise InputError(f"{path}:{number}: has {len(cells)} columns; source, tab, target is needed.")
    for side, cell, rows in zip(SIDES, cells, row_of, strict=True):
      if cell not in rows:
        raise InputError(f"{path}:{number}: {cell!r} is no line of --{side}.")
    pairs[row_of[0][cells[0]], row_of[1][cells[1]]] = None
  return np.array(list(pairs), int).reshape(-1, 2).T


def calibrated(x, y, vectors, gold_2G, args):
  """`mined` down to the threshold for --precision, with each pair's own, and the page of it."""
  found = calibration.calibrated(*vectors, k=args.k, margin=args.margin, dtype=args.dtype,
                                 allowed=_allowed(x, y, args), gold_2G=gold_2G)  # fmt: skip
  lowest = calibration.threshold(found, args.precision)
  columns = (found.row_x_P, found.row_y_P, found.score_P, found.precision_P)
  pairs = [(score, x.lines[row_x], y.lines[row_y], x.numbers[row_x], y.numbers[row_y], precision)
           for row_x, row_y, score, precision in zip(*(c.tolist() for c in columns), strict=True)
           if score >= lowest]  # fmt: skip
  if not args.report:
    return pairs, None
  from labse_jax import calibration_page  # Late: drawing is not waited for where none is asked.

  title = " and ".join(pathlib.Path(getattr(args, side)).name for side in SIDES)
  return pairs, calibration_page.page_of(found, lowest, args.precision, title)


def _allowed(x, y, args):
  return allowed_pairs(
      x.lines, y.lines, min_characters=args.min_characters, max_ratio=args.max_ratio)  # fmt: skip


def mined(x, y, vectors, args):
  """Yields (score, source, target, their line numbers), best first, from --threshold on."""
  found = margin.candidates(*vectors, k=args.k, margin=args.margin, retrieval=args.retrieval,
                            dtype=args.dtype, allowed=_allowed(x, y, args))  # fmt: skip
  for row_x, row_y, score in zip(*(column_P.tolist() for column_P in found), strict=True):
    if args.threshold is None or score >= args.threshold:
      yield score, x.lines[row_x], y.lines[row_y], x.numbers[row_x], y.numbers[row_y]


def scored(x, y, vectors, args):
  """Yields the same for line N of one text and line N of the other, in their order."""
  score_N = margin.aligned_scores(
      *vectors, x.row_N, y.row_N, k=args.k, margin=args.margin, dtype=args.dtype)  # fmt: skip
  for number, (score, row_x, row_y) in enumerate(zip(score_N, x.row_N, y.row_N, strict=True), 1):
    yield float(score), x.lines[row_x], y.lines[row_y], number, number


@contextlib.contextmanager
def vectors_beside(output, texts, encoder, args):
  """Gives both texts' unit vectors, mapped into memory; removes them if the block ends well.

  What a killed run of the same inputs and settings left beside `output` is gone on with.
  """
  folder = pathlib.Path(f"{output}.vectors")
  files.check_replaceable(folder, marker=MARKER)
  identity = {"model": fingerprint.model(args.model), "precision": args.dtype,
              "prompt": args.prompt}  # fmt: skip
  about = identity | {side: _file(getattr(args, side)) for side in SIDES} | {
      "score_only": args.score_only}  # fmt: skip
  if files.read_json(folder / MARKER, {}) != about:
    with files.replacing_folder(folder, marker=MARKER) as partial:
      files.write_json(partial / MARKER, about)
  for side, text in zip(SIDES, texts, strict=True):
    _encode(encoder, text, folder / f"{side}.txt", folder / f"{side}.npy", identity, args.prompt)
  yield [np.load(folder / f"{side}.npy", mmap_mode="r") for side in SIDES]
  shutil.rmtree(folder)


def _file(path):
  stat = pathlib.Path(path).stat()
  return [str(pathlib.Path(path).resolve()), stat.st_size, stat.st_mtime_ns]


def _encode(encoder, text, lines, output, identity, prompt):
  if not lines.exists():  # encode_file goes on where the file is older than its vectors.
    with files.replacing(lines) as file:
      file.writelines(f"{line}\n" for line in text.lines)
  if not output.exists():
    encode_file(encoder, lines, output, identity=identity, prompt=prompt,
                progress=sys.stderr.isatty())  # fmt: skip


def main(argv):
  args = _parsed(argv)
  languages = [_language(args, side) for side in SIDES]
  _check_output(args, languages)
  x, y = (read_text(path, blanks=args.score_only) for path in (args.source, args.target))
  _check_texts(x, y, args)
  gold_2G = read_gold(args.gold, x, y) if args.gold else None
  encoder = SentenceEncoder.load(args.model, precision=args.dtype)
  with vectors_beside(args.output, (x, y), encoder, args) as vectors:
    if args.precision is None:
      pairs, page = list((scored if args.score_only else mined)(x, y, vectors, args)), None
    else:
      pairs, page = calibrated(x, y, vectors, gold_2G, args)
    pair_files.write(args.output, args.format, languages, pairs)
    if page:
      with files.replacing(args.report) as file:
        file.write(page)
  print(f"{args.output}: {len(pairs):,} pairs of {len(x.lines):,} and {len(y.lines):,} "
        "distinct lines.")  # fmt: skip


def _language(args, side):
  """The one given, or a file's ending that can be one."""
  ending = stem_and_language(getattr(args, side))[1]
  return getattr(args, f"{side}_language") or ("und" if ending in ("", "txt") else ending)


def _check_output(args, languages):
  report = [pathlib.Path(args.report)] if args.report else []
  for path in [*pair_files.paths(args.output, args.format, languages), *report]:
    if path.is_dir():
      raise InputError(f"{path}: is a folder; a file is needed.")
    for source in filter(None, (args.source, args.target, args.gold)):
      if pathlib.Path(source).exists() and path.resolve() == pathlib.Path(source).resolve():
        raise InputError(f"{path}: is the input; name another file for the pairs.")


def _check_texts(x, y, args):
  if args.score_only and len(x.row_N) != len(y.row_N):
    raise InputError(f"{args.source} has {len(x.row_N):,} lines and {args.target} "
                     f"{len(y.row_N):,}; with --score-only, line N of one is a translation of "
                     "line N of the other.")  # fmt: skip
  for path, text in ((args.source, x), (args.target, y)):
    if len(text.lines) < args.k + (args.precision is not None):
      raise InputError(f"{path}: has {len(text.lines):,} distinct lines, fewer than the --k "
                       f"{args.k} nearest that a score needs.")  # fmt: skip


def _parsed(argv):
  parser = argparse.ArgumentParser(
      prog="labse_jax.mine", description=DESCRIPTION,
      formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
  add = parser.add_argument
  add("--model", required=True, metavar="FOLDER", help="a sentence-transformers folder")
  add("--source", required=True, metavar="FILE", help="text, one sentence a line")
  add("--target", required=True, metavar="FILE", help="the same in the other language")
  add("--output", required=True, metavar="FILE", help="of the pairs; of Moses files, the stem")
  add("--format", default="tsv", choices=pair_files.FORMATS, help="of the output (%(default)s)")
  add("--k", type=int, default=4, help="neighbours whose mean a score compares with (%(default)s)")
  add("--margin", default="ratio", choices=margin.MARGINS, help="how it compares (%(default)s)")
  add("--retrieval", default="max", choices=margin.RETRIEVALS,
      help="whose best candidates are pairs; max: each line is in one at most")  # fmt: skip
  add("--threshold", type=float, metavar="T", help="the lowest score of a pair that is written")
  add("--precision", type=float, metavar="P", help="find the threshold from which P are right")
  add("--gold", metavar="FILE", help="true pairs (source, tab, target) for it, if some are known")
  add("--report", metavar="FILE.html", help="a page of what --precision found")
  add("--score-only", action="store_true", help="score line N with line N")
  add("--min-characters", type=int, default=1, metavar="N", help="of the longer (%(default)s)")
  add("--max-ratio", type=float, default=6.0, metavar="R", help="of the lengths (%(default)s)")
  add("--source-language", metavar="S", help="for TMX, JSONL and Moses (the file's ending)")
  add("--target-language", metavar="T", help="the same for the other side")
  add("--dtype", default="float32", choices=DTYPES, help="of the model's and search's products")
  add("--prompt", help="put before each line, instead of the folder's own")
  parser.error = _refuse
  args = parser.parse_args(argv)
  if args.k < 1:
    raise InputError(f"--k {args.k}: 1 or more is allowed.")
  if args.threshold is not None and not math.isfinite(args.threshold):
    raise InputError(f"--threshold {args.threshold}: a finite number is allowed.")
  if not args.max_ratio >= 1:  # Nor NaN.
    raise InputError(f"--max-ratio {args.max_ratio}: 1 or more is allowed.")
  if args.score_only and args.threshold is not None:
    raise InputError("--threshold is of mining; --score-only scores every line.")
  _check_precision(args)
  return args


def _check_precision(args):
  if args.precision is None:
    for name in ("gold", "report"):
      if getattr(args, name):
        raise InputError(f"--{name} is of --precision, which is not given.")
    return
  if not 0 < args.precision < 1:
    raise InputError(f"--precision {args.precision}: more than 0 and less than 1 is allowed.")
  if args.threshold is not None or args.score_only:
    raise InputError("--precision finds the threshold; give no --threshold nor --score-only.")
  if args.retrieval != "max":
    raise InputError("--precision needs --retrieval max, by which each line is in one pair.")


def _refuse(message):
  raise InputError(message)


if __name__ == "__main__":
  run(main)
