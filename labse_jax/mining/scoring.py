"""Scored pairs of two texts: mined, calibrated, or line by line."""

from labse_jax.mining import calibration
from labse_jax.mining.texts import copied
from labse_jax.neighbours import margin


def calibrated(x, y, vectors, search, allowed, gold_2G, args):
  """`mined` down to the threshold for --precision, with each pair's own.

  Gives (the pairs, what calibration found, the threshold).
  """
  found = calibration.calibrated(
    *vectors,
    k=args.k,
    margin=args.margin,
    search=search,
    allowed=allowed,
    gold_2G=gold_2G,
    copied=(copied(x.lines), copied(y.lines)),
  )
  lowest = calibration.threshold(found, args.precision)
  columns = (found.row_x_P, found.row_y_P, found.score_P, found.precision_P)
  pairs = [
    (score, x.lines[row_x], y.lines[row_y], x.numbers[row_x], y.numbers[row_y], precision)
    for row_x, row_y, score, precision in zip(*(c.tolist() for c in columns), strict=True)
    if score >= lowest
  ]
  return pairs, found, lowest


def mined(x, y, vectors, search, allowed, args):
  """Yields (score, source, target, their line numbers), best first, from --threshold on."""
  found = margin.candidates(
    *vectors, k=args.k, margin=args.margin, retrieval=args.retrieval, search=search, allowed=allowed
  )
  for row_x, row_y, score in zip(*(column_P.tolist() for column_P in found), strict=True):
    if args.threshold is None or score >= args.threshold:
      yield score, x.lines[row_x], y.lines[row_y], x.numbers[row_x], y.numbers[row_y]


def scored(x, y, vectors, search, args):
  """Yields the same for line N of one text and line N of the other, in their order."""
  score_N = margin.aligned_scores(
    *vectors, x.row_N, y.row_N, k=args.k, margin=args.margin, search=search
  )
  for number, (score, row_x, row_y) in enumerate(zip(score_N, x.row_N, y.row_N, strict=True), 1):
    yield float(score), x.lines[row_x], y.lines[row_y], number, number
