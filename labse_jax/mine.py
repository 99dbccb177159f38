"""Two files of sentences -> the pairs among them that are translations."""

import argparse
import functools
import math
import pathlib

from labse_jax.base import files
from labse_jax.base.errors import InputError, run
from labse_jax.data.sources import stem_and_language
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.mining import pair_files
from labse_jax.mining.allowed_pairs import AllowedPairs
from labse_jax.mining.scoring import calibrated, mined, scored
from labse_jax.mining.texts import SIDES, read_gold, read_text
from labse_jax.mining.vectors_beside import folder_of, vectors_beside
from labse_jax.neighbours import margin
from labse_jax.neighbours.exact import DTYPES, top_k_both

DESCRIPTION = """Finds the translations among the lines of two files, which may be .gz, .xz or .zst,
and writes score<TAB>source<TAB>target, best first, as LASER does. A score is a pair's cosine
divided by (--margin ratio) the mean cosine to both sides' k nearest; above it more is right, and
--threshold drops the pairs below. Equal lines count once; blank ones are left out. Pairs of equal
texts, and of lengths that do not fit, are never taken; with --one-script and --language-id, nor are
lines in the wrong script or language. The last line says how many pairs were refused, and for what.
With --score-only, line N of one file is a translation of line N of the other, and each pair is
scored, in order.

  python -m labse_jax.mine --model FOLDER --source de.txt --target en.txt --output pairs.tsv \\
      --threshold 1.06
  python -m labse_jax.mine ... --output pairs.tsv --precision 0.95 --report pairs.html

--precision finds the threshold itself, from sentences whose translation it keeps away, and writes
each pair's estimated precision (that of all pairs at least as good) as a column more.

`labse_jax.prepare --input pairs.tsv --columns=-,source,target` makes a dataset of the pairs, with
--columns=-,source,target,- where they have that column.

A run that was killed goes on where it was when the same command is given again: until the end, its
vectors lie beside the output, in OUTPUT.vectors."""
DEFAULTS = {"retrieval": "max", "min_characters": 1, "max_ratio": 6.0}  # Of mining.
UNKNOWN = "und"  # As ISO 639-3 says it.
SEARCHES = (*DTYPES, "faiss")


def main(argv):
  args = parsed(argv)
  languages = [language(args, side) for side in SIDES]
  check_output(args, languages)
  x, y = (read_text(path, blanks=args.score_only) for path in (args.source, args.target))
  _check_texts(x, y, args)
  gold_2G = read_gold(args.gold, x, y) if args.gold else None
  allowed = AllowedPairs(
    x.lines,
    y.lines,
    min_characters=args.min_characters,
    max_ratio=args.max_ratio,
    one_script=args.one_script,
    languages=languages if args.language_id else None,
  )
  search = _search(args)
  encoder = SentenceEncoder.load(args.model, precision=args.dtype)
  page = None
  with vectors_beside(args.output, (x, y), encoder, args) as vectors:
    if args.score_only:
      pairs = list(scored(x, y, vectors, search, args))
    elif args.precision is None:
      pairs = list(mined(x, y, vectors, search, allowed, args))
    else:
      pairs, found, lowest = calibrated(x, y, vectors, search, allowed, gold_2G, args)
      page = _page(found, lowest, args) if args.report else None
    pair_files.write(args.output, args.format, languages, pairs)
    if page:
      with files.replacing(args.report) as file:
        file.write(page)
  print(
    f"{args.output}: {len(pairs):,} pairs of {len(x.lines):,} and {len(y.lines):,} distinct lines."
  )
  refused = ", ".join(f"{name}: {count:,}" for name, count in allowed.refused().items())
  if refused:
    print(f"Candidate pairs refused: {refused}.")


def _check_texts(x, y, args):
  if args.score_only and len(x.row_N) != len(y.row_N):
    raise InputError(
      f"{args.source} has {len(x.row_N):,} lines and {args.target} "
      f"{len(y.row_N):,}; with --score-only, line N of one is a translation of "
      "line N of the other."
    )
  needed, what = args.k, f"--k {args.k} needs"
  if args.precision is not None:
    needed, what = args.k + 1, f"--k {args.k} with --precision needs"
  if args.search == "faiss":
    from labse_jax.neighbours import approximate  # Late: faiss is an extra.

    if needed < approximate.FEWEST:
      needed, what = approximate.FEWEST, "an index needs"
  for path, text in ((args.source, x), (args.target, y)):
    if len(text.lines) < needed:
      raise InputError(
        f"{path}: has {len(text.lines):,} distinct lines; {what} {needed:,} or more."
      )


def _search(args):
  """search(x_ND, y_MD, k), as of `top_k_both`."""
  if args.search != "faiss":
    state = folder_of(args.output) / "search"
    return functools.partial(top_k_both, dtype=args.search, state=state)
  from labse_jax.neighbours import approximate  # Late: faiss is an extra.

  def search(x_ND, y_MD, k):
    found = approximate.top_k_both(x_ND, y_MD, k)
    print(
      f"The index found {found.recall_x:.2%} of the {k} nearest of the source's lines, "
      f"{found.recall_y:.2%} of the target's (of a sample of 1,000)."
    )
    return found.of_x, found.of_y

  return search


def _page(found, lowest, args):
  from labse_jax.pages import calibration  # Late: drawing is not waited for where none is asked.

  title = " and ".join(pathlib.Path(getattr(args, side)).name for side in SIDES)
  return calibration.page_of(found, lowest, args.precision, title)


def parsed(argv):
  """The arguments of a command line; raises InputError for what is wrong with them."""
  args = _parser().parse_args(argv)
  if args.k < 1:
    raise InputError(f"--k {args.k}: 1 or more is allowed.")
  if args.threshold is not None and not math.isfinite(args.threshold):
    raise InputError(f"--threshold {args.threshold}: a finite number is allowed.")
  _check_filters(args)
  for name, value in DEFAULTS.items():
    if getattr(args, name) is None:
      setattr(args, name, value)
  if not args.max_ratio >= 1:  # Nor NaN.
    raise InputError(f"--max-ratio {args.max_ratio}: 1 or more is allowed.")
  _check_precision(args)
  return args


def _parser():
  parser = argparse.ArgumentParser(
    prog="labse_jax.mine",
    description=DESCRIPTION,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  add("--model", required=True, metavar="FOLDER", help="a sentence-transformers folder")
  add("--source", required=True, metavar="FILE", help="text, one sentence a line")
  add("--target", required=True, metavar="FILE", help="the same in the other language")
  add("--output", required=True, metavar="FILE", help="of the pairs; of Moses files, the stem")
  add("--format", default="tsv", choices=pair_files.FORMATS, help="of the output (%(default)s)")
  add("--k", type=int, default=4, help="neighbours whose mean a score compares with (%(default)s)")
  add("--margin", default="ratio", choices=margin.MARGINS, help="how it compares (%(default)s)")
  add(
    "--retrieval",
    choices=margin.RETRIEVALS,
    help="whose best candidates are pairs (max: each line is in one at most)",
  )
  add("--threshold", type=float, metavar="T", help="the lowest score of a pair that is written")
  add("--precision", type=float, metavar="P", help="find the threshold from which P are right")
  add("--gold", metavar="FILE", help="true pairs (source, tab, target) for it, if some are known")
  add("--report", metavar="FILE.html", help="a page of what --precision found")
  add("--score-only", action="store_true", help="score line N with line N")
  add(
    "--min-characters", type=int, metavar="N", help=f"of the longer ({DEFAULTS['min_characters']})"
  )
  add("--max-ratio", type=float, metavar="R", help=f"of the lengths ({DEFAULTS['max_ratio']})")
  add(
    "--one-script",
    action="store_true",
    help="refuse lines that are not in the script of most lines of their file",
  )
  add(
    "--language-id",
    action="store_true",
    help="refuse lines that py3langid does not take for the language of their file",
  )
  add(
    "--source-language",
    metavar="S",
    help="for --language-id, TMX, JSONL and Moses (the file's ending)",
  )
  add("--target-language", metavar="T", help="the same for the other side")
  add("--dtype", default="float32", choices=("float32", "bfloat16"), help="of the model's products")
  add(
    "--search",
    default="float32",
    choices=SEARCHES,
    help="of its products; scores are float32's always. faiss: an approximate index for many "
    "millions of lines, whose recall is said",
  )
  add("--prompt", help="put before each line, instead of the folder's own")
  parser.error = _refuse
  return parser


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


def _check_filters(args):
  for name in ("threshold", "one_script", "language_id", *DEFAULTS):
    given = getattr(args, name) is not None and getattr(args, name) is not False
    if args.score_only and given:
      raise InputError(f"--{name.replace('_', '-')} is of mining; --score-only scores every line.")
  for side in SIDES if args.language_id else ():
    if language(args, side) == UNKNOWN:
      raise InputError(f"--language-id needs both languages; say --{side}-language.")


def _refuse(message):
  raise InputError(message)


def language(args, side):
  """The one given, or a file's ending that can be one."""
  ending = stem_and_language(getattr(args, side))[1]
  return getattr(args, f"{side}_language") or (UNKNOWN if ending in ("", "txt") else ending)


def check_output(args, languages):
  """Raises InputError where what is to be written is a folder, a device or an input."""
  report = [args.report] if args.report else []
  files.check_outputs(
    [*pair_files.paths(args.output, args.format, languages), *report],
    filter(None, (args.source, args.target, args.gold)),
  )


if __name__ == "__main__":
  run(main)
