"""Two files of sentences -> the pairs among them that are translations."""

import contextlib
import functools
import pathlib
import shutil
import sys

import numpy as np

from labse_jax import mine_flags
from labse_jax.base import files, fingerprint
from labse_jax.base.errors import InputError, run
from labse_jax.encode import SentenceEncoder, encode_file
from labse_jax.mining import calibration, pair_files
from labse_jax.mining.allowed_pairs import AllowedPairs
from labse_jax.mining.texts import SIDES, copied, read_gold, read_text
from labse_jax.neighbours import margin
from labse_jax.neighbours.exact import top_k_both

MARKER = "of.json"


def calibrated(x, y, vectors, search, allowed, gold_2G, args):
  """`mined` down to the threshold for --precision, with each pair's own, and the page of it."""
  found = calibration.calibrated(*vectors, k=args.k, margin=args.margin, search=search,
                                 allowed=allowed, gold_2G=gold_2G,
                                 copied=(copied(x.lines), copied(y.lines)))  # fmt: skip
  lowest = calibration.threshold(found, args.precision)
  columns = (found.row_x_P, found.row_y_P, found.score_P, found.precision_P)
  pairs = [(score, x.lines[row_x], y.lines[row_y], x.numbers[row_x], y.numbers[row_y], precision)
           for row_x, row_y, score, precision in zip(*(c.tolist() for c in columns), strict=True)
           if score >= lowest]  # fmt: skip
  if not args.report:
    return pairs, None
  from labse_jax.pages import (
    calibration as calibration_page,  # Late: drawing is not waited for where none is asked.
  )

  title = " and ".join(pathlib.Path(getattr(args, side)).name for side in SIDES)
  return pairs, calibration_page.page_of(found, lowest, args.precision, title)


def mined(x, y, vectors, search, allowed, args):
  """Yields (score, source, target, their line numbers), best first, from --threshold on."""
  found = margin.candidates(*vectors, k=args.k, margin=args.margin, retrieval=args.retrieval,
                            search=search, allowed=allowed)  # fmt: skip
  for row_x, row_y, score in zip(*(column_P.tolist() for column_P in found), strict=True):
    if args.threshold is None or score >= args.threshold:
      yield score, x.lines[row_x], y.lines[row_y], x.numbers[row_x], y.numbers[row_y]


def scored(x, y, vectors, search, args):
  """Yields the same for line N of one text and line N of the other, in their order."""
  score_N = margin.aligned_scores(
      *vectors, x.row_N, y.row_N, k=args.k, margin=args.margin, search=search)  # fmt: skip
  for number, (score, row_x, row_y) in enumerate(zip(score_N, x.row_N, y.row_N, strict=True), 1):
    yield float(score), x.lines[row_x], y.lines[row_y], number, number


def _search(args):
  """search(x_ND, y_MD, k), as of `top_k_both`."""
  if args.search != "faiss":
    state = _folder(args.output) / "search"
    return functools.partial(top_k_both, dtype=args.search, state=state)
  from labse_jax.neighbours import approximate  # Late: faiss is an extra.

  def search(x_ND, y_MD, k):
    found = approximate.top_k_both(x_ND, y_MD, k)
    print(f"The index found {found.recall_x:.2%} of the {k} nearest of the source's lines, "
          f"{found.recall_y:.2%} of the target's (of a sample of 1,000).")  # fmt: skip
    return found.of_x, found.of_y

  return search


def _folder(output):
  return pathlib.Path(f"{output}.vectors")


@contextlib.contextmanager
def vectors_beside(output, texts, encoder, args):
  """Gives both texts' unit vectors, mapped into memory; removes them if the block ends well.

  What a killed run of the same inputs and settings left beside `output` is gone on with.
  """
  folder = _folder(output)
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
  args = mine_flags.parsed(argv)
  languages = [mine_flags.language(args, side) for side in SIDES]
  mine_flags.check_output(args, languages)
  x, y = (read_text(path, blanks=args.score_only) for path in (args.source, args.target))
  _check_texts(x, y, args)
  gold_2G = read_gold(args.gold, x, y) if args.gold else None
  allowed = AllowedPairs(
      x.lines, y.lines, min_characters=args.min_characters, max_ratio=args.max_ratio,
      one_script=args.one_script, languages=languages if args.language_id else None)  # fmt: skip
  search = _search(args)
  encoder = SentenceEncoder.load(args.model, precision=args.dtype)
  page = None
  with vectors_beside(args.output, (x, y), encoder, args) as vectors:
    if args.score_only:
      pairs = list(scored(x, y, vectors, search, args))
    elif args.precision is None:
      pairs = list(mined(x, y, vectors, search, allowed, args))
    else:
      pairs, page = calibrated(x, y, vectors, search, allowed, gold_2G, args)
    pair_files.write(args.output, args.format, languages, pairs)
    if page:
      with files.replacing(args.report) as file:
        file.write(page)
  print(f"{args.output}: {len(pairs):,} pairs of {len(x.lines):,} and {len(y.lines):,} "
        "distinct lines.")  # fmt: skip
  refused = ", ".join(f"{name}: {count:,}" for name, count in allowed.refused().items())
  if refused:
    print(f"Candidate pairs refused: {refused}.")


def _check_texts(x, y, args):
  if args.score_only and len(x.row_N) != len(y.row_N):
    raise InputError(f"{args.source} has {len(x.row_N):,} lines and {args.target} "
                     f"{len(y.row_N):,}; with --score-only, line N of one is a translation of "
                     "line N of the other.")  # fmt: skip
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


if __name__ == "__main__":
  run(main)
