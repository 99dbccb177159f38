"""The flags of `mine`, and what must fit among them.

Apart from `mine`, whose file they would double.
"""

import argparse
from collections.abc import Callable, Sequence
import math

from labse_jax.base import extras, files
from labse_jax.base.command import Command
from labse_jax.base.errors import InputError
from labse_jax.data.languages import UNKNOWN
from labse_jax.mining import pair_files, sides
from labse_jax.mining.texts import SIDES
from labse_jax.neighbours.settings import DTYPES, MARGINS, RETRIEVALS

DESCRIPTION = """Finds the translations among the lines of two files, which may be .gz, .xz or .zst,
and writes score<TAB>source<TAB>target, best first, as LASER does. A score is a pair's cosine
divided by (--margin ratio) the mean cosine to the k nearest lines of both sides. Pairs with higher
scores are more often right, and --threshold drops the pairs below it. Equal lines count once; blank
lines are left out. Pairs of equal texts, and pairs whose lengths do not fit, are never taken.
--one-script and --language-id also refuse lines in the wrong script or language. A line that is
printed says how many pairs were refused, and why. With --score-only, line N of one file is a
translation of line N of the other, and each pair is scored, in order.

  labse-jax mine --model FOLDER --source de.txt --target en.txt --output pairs.tsv
  labse-jax mine ... --output pairs.tsv --threshold 1.06
  labse-jax mine ... --output pairs.tsv --precision 0.95 --report pairs.html

Without a threshold all pairs are written, and a table of scores helps to choose one: read some
pairs around a score, and take the score above which most of them are right. It holds for this model
and this kind of text.

--precision finds the threshold itself: it keeps the translations of some sentences away and looks
at what they are paired with instead. It adds a column with the estimated precision of all pairs
that are at least as good. Where no threshold is sure to reach it, one line says why, all pairs are
written, and the exit status is 3; where it cannot be estimated at all, the column is left out.

`labse-jax prepare --input pairs.tsv --columns=-,source,target` makes a dataset of the pairs, with
--columns=-,source,target,- where they have that column.

If a run was killed, give the same command again and it goes on where it was: until the output is
written, the vectors lie beside it, in OUTPUT.vectors."""
# Not argparse's defaults: --score-only refuses these options only where a person gave them.
DEFAULTS: dict[str, str | int | float] = {"retrieval": "max", "min_characters": 1, "max_ratio": 6.0}
SEARCHES = (*DTYPES, "faiss")


def parsed(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments of a command line; raises InputError for what is wrong with them."""
  args = _parser().parse(argv)
  if args.k < 1:
    raise InputError(f"--k {args.k}: 1 or more is allowed.")
  if args.threshold is not None and not math.isfinite(args.threshold):
    raise InputError(f"--threshold {args.threshold}: a finite number is allowed.")
  args.source_language = sides.language_of(args.source_language, args.source)
  args.target_language = sides.language_of(args.target_language, args.target)
  args.format = sides.format_of(args.format, args.output)
  # Before the defaults are filled in: they hide what a person gave.
  _check_filters(args)
  for name, value in DEFAULTS.items():
    if getattr(args, name) is None:
      setattr(args, name, value)
  if not args.max_ratio >= 1:  # Nor NaN.
    raise InputError(f"--max-ratio {args.max_ratio}: 1 or more is allowed.")
  _check_precision(args)
  _check_output(args)
  sides.warn_of_languages((args.source_language, args.target_language), args.format)
  return args


def _parser() -> Command:
  parser = Command("mine", DESCRIPTION)
  _add_files(parser)
  _add_scores(parser.add)
  _add_filters(parser)
  # Not also --precision: that is here the share of pairs that are right.
  parser.add_dtype(old=())
  parser.add(
    "--search",
    default="float32",
    choices=SEARCHES,
    help="type of the search's products (default: %(default)s); scores are always float32. faiss: "
    "an approximate index for many millions of lines, whose recall is printed",
  )
  parser.add_prompt()
  return parser


def _add_files(parser: Command) -> None:
  parser.add_model()
  add = parser.add
  add("--source", required=True, metavar="FILE", help="text, a sentence a line; or .gz, .xz, .zst")
  add("--target", required=True, metavar="FILE", help="the same in the other language")
  add(
    "--output",
    required=True,
    metavar="FILE",
    help="where the pairs are written; the beginning of the names of Moses files",
  )
  parser.add_format(pair_files.FORMATS)


def _add_scores(add: Callable[..., argparse.Action]) -> None:
  add("--k", type=int, default=4, metavar="N", help="neighbours whose mean a score compares with")
  add(
    "--margin",
    default="ratio",
    choices=MARGINS,
    help="ratio divides the cosine by the neighbours', distance subtracts them",
  )
  add(
    "--retrieval",
    choices=RETRIEVALS,
    help="which candidates are pairs (default: max: a line is in one pair at most)",
  )
  add("--threshold", type=float, metavar="X", help="the lowest score of a pair that is written")
  right = "find the threshold from which this share of the pairs is right"
  add("--precision", type=float, metavar="SHARE", help=right)
  add("--gold", metavar="FILE", help="true pairs for --precision, if known: source, tab, target")
  add("--report", metavar="FILE.html", help="write a page about what --precision found")
  add("--score-only", action="store_true", help="score line N with line N")


def _add_filters(parser: Command) -> None:
  add = parser.add
  least = f"least length of the longer line (default: {DEFAULTS['min_characters']})"
  add("--min-characters", type=int, metavar="N", help=least)
  ratio = f"how many times longer one line may be (default: {DEFAULTS['max_ratio']})"
  add("--max-ratio", type=float, metavar="X", help=ratio)
  script = "refuse lines that are not in the script of most lines of their file"
  add("--one-script", action="store_true", help=script)
  language = "refuse lines that py3langid does not take for the language of their file"
  add("--language-id", action="store_true", help=language)
  parser.add_languages(help="for --language-id, tmx, jsonl and moses (default: the file's ending)")


def _check_filters(args: argparse.Namespace) -> None:
  if args.score_only:
    for name in ("threshold", "one_script", "language_id", *DEFAULTS):
      value = getattr(args, name)
      # Not `if value`: a threshold of 0 was given too.
      if value is not None and value is not False:
        flag = name.replace("_", "-")
        raise InputError(f"--score-only scores every line; do not give --{flag} with it.")
  if args.language_id:
    for side in SIDES:
      if getattr(args, f"{side}_language") == UNKNOWN:
        raise InputError(f"--language-id needs both languages; say --{side}-language.")


def _check_precision(args: argparse.Namespace) -> None:
  if args.precision is None:
    for name in ("gold", "report"):
      if getattr(args, name):
        raise InputError(f"--{name} needs --precision.")
    return
  if not 0 < args.precision < 1:
    raise InputError(f"--precision {args.precision}: more than 0 and less than 1 is allowed.")
  if args.threshold is not None or args.score_only:
    raise InputError("--precision finds the threshold; do not give --threshold or --score-only.")
  if args.retrieval != "max":
    raise InputError("--precision needs --retrieval max, which puts each line into one pair.")


def _check_output(args: argparse.Namespace) -> None:
  """Raises InputError where an output is a folder, a device or an input."""
  languages = (args.source_language, args.target_language)
  outputs = pair_files.paths(args.output, args.format, languages)
  if args.report:
    extras.check("report")
    outputs.append(args.report)
  inputs = [args.source, args.target]
  if args.gold:
    inputs.append(args.gold)
  files.check_outputs(outputs, inputs)
