"""Two files of sentences -> the pairs among them that are translations."""

import argparse
import functools
import math
import pathlib
import sys

from labse_jax.base import files
from labse_jax.base.errors import InputError, run
from labse_jax.data.language_names import UNKNOWN, known_language
from labse_jax.data.sources import stem_and_language
from labse_jax.mining import pair_files, score_steps
from labse_jax.mining.allowed_pairs import AllowedPairs
from labse_jax.mining.scoring import Calibrated, MarginScore, calibrated, mined, scored
from labse_jax.mining.texts import SIDES, read_gold, read_text
from labse_jax.mining.vectors_beside import folder_of, load_encoding, vectors_beside
from labse_jax.neighbours import margin
from labse_jax.neighbours.exact import DTYPES, top_k_both

DESCRIPTION = """Finds the translations among the lines of two files, which may be .gz, .xz or .zst,
and writes score<TAB>source<TAB>target, best first, as LASER does. A score is a pair's cosine
divided by (--margin ratio) the mean cosine to the k nearest lines of both sides. Pairs with higher
scores are more often right, and --threshold drops the pairs below it. Equal lines count once; blank
lines are left out. Pairs of equal texts, and pairs whose lengths do not fit, are never taken.
--one-script and --language-id also refuse lines in the wrong script or language. The last line that
is printed says how many pairs were refused, and why. With --score-only, line N of one file is a
translation of line N of the other, and each pair is scored, in order.

  python -m labse_jax.mine --model FOLDER --source de.txt --target en.txt --output pairs.tsv \\
      --threshold 1.06
  python -m labse_jax.mine ... --output pairs.tsv --precision 0.95 --report pairs.html

--precision finds the threshold itself: it keeps the translations of some sentences away and looks
at what they are paired with instead. It adds a column with the estimated precision of all pairs
that are at least as good.

`labse_jax.prepare --input pairs.tsv --columns=-,source,target` makes a dataset of the pairs, with
--columns=-,source,target,- where they have that column.

If a run was killed, give the same command again and it goes on where it was: until the output is
written, the vectors lie beside it, in OUTPUT.vectors."""
# Not argparse's defaults: --score-only refuses these options only where a person gave them.
DEFAULTS = {"retrieval": "max", "min_characters": 1, "max_ratio": 6.0}
NOT_REACHED = 3  # The exit status where the precision that was asked for was not given.
DTYPES_OF_MODELS = ("float32", "bfloat16")
SEARCHES = (*DTYPES, "faiss")


def main(argv):
  """Mines or scores pairs; nothing is written where anything fails."""
  args = parsed(argv)
  languages = given_languages(args)
  check_output(args, languages)
  paths = (args.source, args.target)
  needed, reason = _lines_needed(k=args.k, precision=args.precision, search=args.search)
  x, y = _read_texts(paths, needed, reason, score_only=args.score_only)
  gold_2G = read_gold(args.gold, x, y) if args.gold else None
  allowed = AllowedPairs(
    x.lines,
    y.lines,
    min_characters=args.min_characters,
    max_ratio=args.max_ratio,
    one_script=args.one_script,
    languages=languages if args.language_id else None,
  )
  search = _search(args.search, args.output)
  score = MarginScore(k=args.k, margin=args.margin, search=search)
  encoding = load_encoding(args.model, dtype=args.dtype, prompt=args.prompt)
  # The vectors stay beside the output until all is written, for a run that goes on.
  with vectors_beside(args.output, paths, (x, y), encoding, score_only=args.score_only) as vectors:
    if args.score_only:
      found = Calibrated(scored(x, y, vectors, score))
    elif args.precision is None:
      options = {"retrieval": args.retrieval, "threshold": args.threshold, "allowed": allowed}
      found = Calibrated(mined(x, y, vectors, score, **options))
    else:
      options = {"precision": args.precision, "allowed": allowed, "gold_2G": gold_2G}
      found = calibrated(x, y, vectors, score, **options)
    # The page is made before anything is written, so that a failure leaves no file.
    page = _page(found, args.precision, paths) if args.report and found.found else None
    pair_files.write(args.output, args.format, languages, found.pairs)
    if page:
      _write_page(args.report, page)
  _print_summary(args.output, found.pairs, (x, y), allowed)
  if found.reason:
    _warn(found, args.precision, args.report)
  unchosen = not args.score_only and args.threshold is None and args.precision is None
  if unchosen or found.reason:
    _print_steps(found.pairs)
  # The pairs are there, and yet a script that goes on with them must not take them for precise.
  return NOT_REACHED if found.reason else 0


def _read_texts(paths, needed, reason, *, score_only):
  """The Texts of both files; raises InputError where they have too few lines to mine or score.

  `needed` are the distinct lines that a file must have, and `reason` says what needs them.
  """
  texts = [read_text(path, blanks=score_only) for path in paths]
  counts = [len(text.row_N) for text in texts]
  if score_only and counts[0] != counts[1]:
    raise InputError(
      f"{paths[0]} has {counts[0]:,} lines and {paths[1]} {counts[1]:,}; with --score-only, line N "
      "of one is a translation of line N of the other."
    )
  for path, text in zip(paths, texts, strict=True):
    if len(text.lines) < needed:
      raise InputError(
        f"{path}: has {len(text.lines):,} distinct lines; {reason} {needed:,} or more."
      )
  return texts


def _lines_needed(*, k, precision, search):
  """How many distinct lines a text must have, and words for what needs them."""
  needed = k
  reason = f"--k {k} needs"
  if precision is not None:
    needed = k + 1
    reason = f"--k {k} with --precision needs"
  if search == "faiss":
    from labse_jax.neighbours import approximate  # Late: faiss is an extra.

    if needed < approximate.FEWEST:
      return approximate.FEWEST, "an index needs"
  return needed, reason


def _search(name, output):
  """A function (x_ND, y_MD, k) that finds neighbours as `top_k_both` does."""
  if name != "faiss":
    return functools.partial(top_k_both, dtype=name, state=folder_of(output) / "search")
  from labse_jax.neighbours import approximate  # Late: faiss is an extra.

  def search(x_ND, y_MD, k):
    found = approximate.top_k_both(x_ND, y_MD, k)
    print(
      f"The index found {found.recall_x:.2%} of the {k} nearest of the source's lines, "
      f"{found.recall_y:.2%} of the target's (of a sample of 1,000)."
    )
    return found.near_x, found.near_y

  return search


def _warn(found, precision, report):
  """Tells on stderr why there is no threshold for the precision, and what was written instead."""
  written = f"All {len(found.pairs):,} pairs are written, best first"
  if found.found:
    reason = f"--precision {precision:g}: {found.reason}. {written}, each with its estimate."
  else:
    reason = f"the precision could not be estimated: {found.reason}. {written}, without the column"
    reason += " of precision."
    if report:
      reason += f" {report} is not written."
  print(f"labse-jax: warning: {reason}", file=sys.stderr)


def _print_steps(pairs):
  """Prints what helps a person to choose a threshold."""
  print("\n".join(["", *score_steps.table(pairs)]))
  print("Read the pairs around a score; give the score above which most are right as --threshold.")


def _page(found, precision, paths):
  """The HTML page of what was Calibrated for a precision."""
  from labse_jax.pages import calibration  # Late: drawing is not waited for where none is asked.

  title = " and ".join(pathlib.Path(path).name for path in paths)
  return calibration.page_of(found.found, found.lowest, precision, title)


def _write_page(path, page):
  with files.replacing(path) as file:
    file.write(page)


def _print_summary(output, pairs, texts, allowed):
  """Prints how many pairs were written, and how many each filter refused."""
  x, y = texts
  print(f"{output}: {len(pairs):,} pairs of {len(x.lines):,} and {len(y.lines):,} distinct lines.")
  refused = [f"{name}: {count:,}" for name, count in allowed.refused().items()]
  if refused:
    print(f"Candidate pairs refused: {', '.join(refused)}.")


def parsed(argv):
  """The arguments of a command line; raises InputError for what is wrong with them."""
  args = _parser().parse_args(argv)
  if args.k < 1:
    raise InputError(f"--k {args.k}: 1 or more is allowed.")
  if args.threshold is not None and not math.isfinite(args.threshold):
    raise InputError(f"--threshold {args.threshold}: a finite number is allowed.")
  # Before the defaults are filled in: they hide what a person gave.
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
  _add_files(parser.add_argument)
  _add_scores(parser.add_argument)
  _add_filters(parser.add_argument)
  _add_vectors(parser.add_argument)
  parser.error = _refuse
  return parser


def _refuse(message):
  raise InputError(message)


def _add_files(add):
  add("--model", required=True, metavar="FOLDER", help="a sentence-transformers folder")
  add("--source", required=True, metavar="FILE", help="text, one sentence a line")
  add("--target", required=True, metavar="FILE", help="the same in the other language")
  add(
    "--output",
    required=True,
    metavar="FILE",
    help="where the pairs are written; the beginning of the names of Moses files",
  )
  add(
    "--format", default="tsv", choices=pair_files.FORMATS, help="format of the output (%(default)s)"
  )


def _add_scores(add):
  add("--k", type=int, default=4, help="neighbours whose mean a score compares with (%(default)s)")
  add(
    "--margin", default="ratio", choices=margin.MARGINS, help="how a score compares (%(default)s)"
  )
  add(
    "--retrieval",
    choices=margin.RETRIEVALS,
    help="whose best candidates are pairs (max: each line is in one at most)",
  )
  add("--threshold", type=float, metavar="T", help="the lowest score of a pair that is written")
  add(
    "--precision", type=float, metavar="P", help="find the threshold from which a share P is right"
  )
  add("--gold", metavar="FILE", help="true pairs for --precision, if known: source, tab, target")
  add("--report", metavar="FILE.html", help="write a page about what --precision found")
  add("--score-only", action="store_true", help="score line N with line N")


def _add_filters(add):
  add(
    "--min-characters",
    type=int,
    metavar="N",
    help=f"least length of the longer line ({DEFAULTS['min_characters']})",
  )
  add(
    "--max-ratio",
    type=float,
    metavar="R",
    help=f"how many times longer one line may be ({DEFAULTS['max_ratio']})",
  )
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


def _add_vectors(add):
  add(
    "--dtype",
    default="float32",
    choices=DTYPES_OF_MODELS,
    help="precision of the model's products (%(default)s). Other commands call it --precision, "
    "which is here the share of pairs that are right",
  )
  add(
    "--search",
    default="float32",
    choices=SEARCHES,
    help="precision of the search's products (%(default)s); scores are always float32. faiss: an "
    "approximate index for many millions of lines, whose recall is printed",
  )
  add("--prompt", help="put before each line, instead of the folder's own")


def _check_filters(args):
  if args.score_only:
    for name in ("threshold", "one_script", "language_id", *DEFAULTS):
      value = getattr(args, name)
      # Not `if value`: a threshold of 0 was given too.
      if value is not None and value is not False:
        flag = name.replace("_", "-")
        raise InputError(f"--score-only scores every line; do not give --{flag} with it.")
  if args.language_id:
    for side, language in zip(SIDES, given_languages(args), strict=True):
      if language == UNKNOWN:
        raise InputError(f"--language-id needs both languages; say --{side}-language.")


def _check_precision(args):
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


def given_languages(args):
  """The languages of source and target, as given or else by the endings of the files.

  Raises InputError where one that was given is none.
  """
  for side in SIDES:
    given = getattr(args, f"{side}_language")
    if given:
      known_language(f"--{side}-language", given)
  return [
    _language(args.source_language, args.source),
    _language(args.target_language, args.target),
  ]


def _language(given, path):
  """The language that was given for a file, or else its ending, if that can be a language."""
  if given:
    return given
  _, ending = stem_and_language(path)
  return UNKNOWN if ending in ("", "txt") else ending


def check_output(args, languages):
  """Raises InputError where an output is a folder, a device or an input."""
  outputs = pair_files.paths(args.output, args.format, languages)
  if args.report:
    outputs.append(args.report)
  inputs = [args.source, args.target]
  if args.gold:
    inputs.append(args.gold)
  files.check_outputs(outputs, inputs)


if __name__ == "__main__":
  run(main)
