"""Two files of sentences -> the pairs among them that are translations."""

from collections.abc import Sequence
import functools
import pathlib
import typing

from labse_jax.base import console, files
from labse_jax.base.errors import InputError, run
from labse_jax.mine_flags import parsed
from labse_jax.mining import pair_files, score_steps
from labse_jax.mining.allowed_pairs import AllowedPairs
from labse_jax.mining.texts import Text, read_gold, read_text

if typing.TYPE_CHECKING:
  from labse_jax.mining.calibration import Calibration
  from labse_jax.mining.scoring import Calibrated

NOT_REACHED = 3  # The exit status where the precision that was asked for was not given.


def main(argv: Sequence[str]) -> int:
  """Mines or scores pairs; nothing is written where anything fails."""
  args = parsed(argv)
  languages = (args.source_language, args.target_language)
  # Late: `--help` does not wait for JAX.
  from labse_jax.mining.scoring import MarginScore
  from labse_jax.mining.vectors_beside import load_encoding, vectors_beside

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
    found = _found(
      (x, y, vectors, score),
      score_only=args.score_only,
      precision=args.precision,
      gold_2G=gold_2G,
      filters={"retrieval": args.retrieval, "threshold": args.threshold, "allowed": allowed},
    )
    # The page is made before anything is written, so that a failure leaves no file.
    page = None
    if args.report and found.found:
      page = _page(found.found, found.lowest, args.precision, paths)
    pair_files.write(args.output, args.format, languages, found.pairs)
    if page:
      _write_page(args.report, page)
  _print_summary(args.output, found.pairs, (x, y), allowed)
  if found.reason:
    _warn(found, args.precision, args.report)
  elif found.found:
    _print_threshold(found, args.precision)
  if page:
    print(f"{args.report}: the page about it.")
  unchosen = not args.score_only and args.threshold is None and args.precision is None
  if unchosen or found.reason:
    _print_steps(found.pairs)
  # The pairs are there, and yet a script that goes on with them must not take them for precise.
  return NOT_REACHED if found.reason else 0


def _read_texts(
  paths: Sequence[str],
  needed: int,
  reason: str,
  *,
  score_only: bool,
) -> list[Text]:
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


def _lines_needed(*, k: int, precision: float | None, search: str) -> tuple[int, str]:
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
    from labse_jax.mining.vectors_beside import folder_of  # Late, as JAX is.
    from labse_jax.neighbours.exact import top_k_both

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


def _found(sides, *, score_only, precision, gold_2G, filters):
  """The pairs as a Calibrated; `sides` are the first four arguments of the functions of scoring."""
  from labse_jax.mining.scoring import Calibrated, calibrated, mined, scored  # Late, as JAX is.

  if score_only:
    return Calibrated(scored(*sides))
  if precision is None:
    return Calibrated(mined(*sides, **filters))
  return calibrated(*sides, precision=precision, allowed=filters["allowed"], gold_2G=gold_2G)


def _warn(found: "Calibrated", precision: float, report: str | None) -> None:
  """Tells on stderr why there is no threshold for the precision, and what was written instead."""
  written = f"All {len(found.pairs):,} pairs are written, best first"
  if found.found:
    reason = f"--precision {precision:g}: {found.reason}. {written}, each with its estimate."
  else:
    reason = f"the precision could not be estimated: {found.reason}. {written}, without the column"
    reason += " of precision."
    if report:
      reason += f" {report} is not written."
  console.warn(reason)


def _print_threshold(found: "Calibrated", precision: float) -> None:
  """Prints the threshold for a precision, and the estimated precision of the pairs above it."""
  estimate = found.pairs[-1].precision
  print(
    f"Threshold {found.lowest:.4f}: by the estimate {estimate:.1%} of these pairs are right, and "
    f"surely at least the {precision:.1%} that was asked for. The last column has the estimate for "
    "all pairs down to each one."
  )


def _print_steps(pairs: Sequence[pair_files.ScoredPair]) -> None:
  """Prints what helps a person to choose a threshold."""
  print("\n".join(["", *score_steps.table(pairs)]))
  print("Read the pairs around a score; give the score above which most are right as --threshold.")


def _page(found: "Calibration", lowest: float, precision: float, paths: Sequence[str]) -> str:
  """The HTML page of a Calibration and the threshold that it gave for a precision."""
  from labse_jax.pages import calibration  # Late: drawing is not waited for where none is asked.

  title = " and ".join(pathlib.Path(path).name for path in paths)
  return calibration.page_of(found, lowest, precision, title)


def _write_page(path: str, page: str) -> None:
  with files.replacing(path) as file:
    file.write(page)


def _print_summary(
  output: str,
  pairs: Sequence[pair_files.ScoredPair],
  texts: tuple[Text, Text],
  allowed: AllowedPairs,
) -> None:
  """Prints how many pairs were written, and how many each filter refused."""
  x, y = texts
  print(f"{output}: {len(pairs):,} pairs of {len(x.lines):,} and {len(y.lines):,} distinct lines.")
  refused = [f"{name}: {count:,}" for name, count in allowed.refused().items()]
  if refused:
    print(f"Candidate pairs refused: {', '.join(refused)}.")


if __name__ == "__main__":
  run(main)
