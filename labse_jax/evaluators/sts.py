"""Semantic textual similarity: cosines against what people judged (Cer et al. 2017, STS-B)."""

import pathlib
import re
import zlib

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.encoding.encode_functions import encode_distinct
from labse_jax.evaluation.resampling import interval, resampled
from labse_jax.evaluation.suite_files import (
  choose,
  files_in,
  large_enough,
  read_aligned,
  split_name,
)

SUFFIXES = (".tsv", ".csv")  # Separated by tabs in either.
SEMEVAL = re.compile(r"STS\.input\.(.+)\.txt")  # After them come sources, in some years.
COLUMNS = ("score", "sentence1", "sentence2")
WITHOUT_HEADER = {3: (0, 1, 2), 7: (4, 5, 6)}  # SemEval's score and sentences; STS-B's columns.


class Evaluator:
  """Correlation of the cosines of pairs of sentences with their gold scores.

  `data` is a file or a folder of .tsv and .csv files, each a set with a result under its name:
  with a header that names score, sentence1 and sentence2 (KorSTS); STS-B's, the same columns
  without a header; or score, sentence, sentence. Or it is a folder, or a file, of SemEval's
  STS.input.NAME.txt beside STS.gs.NAME.txt, whose lines without a score are left out and counted
  under "scored on". `languages` are names of such files, None all. Sets with fewer than `minimum`
  pairs are named under "skipped". Raises InputError for a file that is not there and for a line
  that does not fit.
  """

  def __init__(self, *, data, languages=None, minimum=0):
    files = sets_in(pathlib.Path(data))
    chosen = choose(languages, list(files), data)
    sets = {name: read_pairs(files[name]) for name in chosen}
    self.sets, self.skipped = large_enough(sets, minimum, data)
    unscored = {name: unscored_lines(files[name]) for name in self.sets}
    self.scored_on = {
      name: f"the pairs with a score (without: {count})"
      for name, count in unscored.items()
      if count
    }

  def run(self, encode):
    """Evaluates `encode(list[str]) -> float32 [N, D]`, whose rows are unit vectors.

    The average is over sets, each counting the same, as if their pairs had been drawn apart.
    """
    row_of, vectors_ND = encode_distinct((sides[:2] for sides in self.sets.values()), encode)
    results, drawn = {}, {}
    for name, (first, second, gold_B) in self.sets.items():
      x_BD, y_BD = (vectors_ND[[row_of[text] for text in side]] for side in (first, second))
      cosine_B = np.einsum("bd,bd->b", x_BD, y_BD, dtype=np.float64)
      once_1B = np.ones((1, len(gold_B)), int)

      def ranked(counts_rB):
        return spearman(cosine_B, gold_B, counts_rB)  # noqa: B023 (used here)

      drawn[name] = resampled(ranked, len(gold_B), key=zlib.crc32(name.encode()))
      results[name] = {
        "spearman": interval(ranked(once_1B)[0], drawn[name]),
        "pearson": float(pearson(cosine_B, gold_B, once_1B)[0]),
        "pairs": len(gold_B),
      }
    rho = np.mean([result["spearman"]["value"] for result in results.values()])
    r = np.mean([result["pearson"] for result in results.values()])
    draws = np.mean(list(drawn.values()), axis=0)
    return {
      "suite": "sts",
      "results": results,
      "average": {"spearman": interval(rho, draws), "pearson": float(r), "sets": len(results)},
      "scored on": self.scored_on,
      "skipped": self.skipped,
      "draws": drawn,  # For labse_jax.evaluation.comparison.
    }


def sets_in(data):
  """{name: path} of the sets of a folder, or of the one in a file."""
  paths = [data] if data.is_file() else sorted(data.glob("STS.input.*.txt"))
  semeval = {name[1]: path for path in paths if (name := SEMEVAL.fullmatch(path.name))}
  if semeval:
    return semeval
  return {split_name(data)[0]: data} if data.is_file() else files_in(data, SUFFIXES)


def unscored_lines(path):
  """How many lines of a set of SemEval's have no score; 0 of another."""
  gold = _gold(path)
  return sum(not line.strip() for _, line in read_lines(gold)) if gold else 0


def _gold(path):
  """SemEval's file of scores beside one of its sentences, else None."""
  name = SEMEVAL.fullmatch(path.name)
  return path.with_name(f"STS.gs.{name[1]}.txt") if name else None


def _lines(path):
  """(number, line) of a file; of SemEval's two, of score, sentence, sentence."""
  gold = _gold(path)
  if gold is None:
    return read_lines(path)
  scores, lines = read_aligned(gold, path)
  pairs = enumerate(zip(scores, lines, strict=True), 1)
  return [
    (number, "\t".join([score, *line.split("\t")[:2]]))
    for number, (score, line) in pairs
    if score.strip()
  ]


def read_pairs(path):
  """(first sentences, second sentences, gold_B) of a set's pairs."""
  columns, rows, path = None, [], pathlib.Path(path)
  for number, line in _lines(path):
    cells = [cell.strip() for cell in line.split("\t")]
    if columns is None:
      columns = _columns(cells, f"{path}:{number}")
      if cells[columns[0]] == COLUMNS[0]:
        continue  # The header.
    rows.append(_row(cells, columns, f"{path}:{number}"))
  gold_B = np.array([score for score, _, _ in rows])
  if len(set(gold_B.tolist())) < 2:
    raise InputError(f"{path}: has fewer than two different scores; there is nothing to rank.")
  return [row[1] for row in rows], [row[2] for row in rows], gold_B


def _columns(cells, where):
  """The places of score and sentences, told by the first line, which may be a header."""
  if set(COLUMNS) <= set(cells):
    return [cells.index(name) for name in COLUMNS]
  columns = WITHOUT_HEADER.get(min(len(cells), 7))  # STS-B's training file adds sources at the end.
  if columns is None:
    raise InputError(
      f"{where}: has {len(cells)} columns separated by tabs; a header with {', '.join(COLUMNS)},"
      " STS-B's 7 columns, or score, sentence, sentence are allowed."
    )
  return columns


def _row(cells, columns, where):
  if len(cells) <= max(columns):
    raise InputError(f"{where}: has {len(cells)} columns; {max(columns) + 1} are needed.")
  score, *sentences = (cells[column] for column in columns)
  try:
    score = float(score)
  except ValueError:
    raise InputError(f"{where}: the score is {score!r}; a number is needed.") from None
  if not np.isfinite(score):
    raise InputError(f"{where}: the score is {score}; a finite number is needed.")
  if not all(sentences):
    raise InputError(f"{where}: a sentence is empty.")
  return score, *sentences


def spearman(x_B, y_B, counts_rB):
  """Rank correlations of resamplings, in which pair b stands counts_rB[r, b] times, [r]."""
  return pearson(ranks(x_B, counts_rB), ranks(y_B, counts_rB), counts_rB)


def pearson(x_rB, y_rB, counts_rB):
  """Correlations of resamplings, [r]; 0 where all values are the same, as of a collapsed model."""

  def mean(value_rB):
    return (counts_rB * value_rB).sum(1) / counts_rB.sum(1)

  x_rB, y_rB = (value_rB - mean(value_rB)[:, None] for value_rB in (x_rB, y_rB))
  spread_r = np.sqrt(mean(x_rB**2) * mean(y_rB**2))
  return np.divide(mean(x_rB * y_rB), spread_r, out=np.zeros(len(counts_rB)), where=spread_r > 0)


def ranks(value_B, counts_rB):
  """Ranks from 1 on within each resampling, equal values sharing the mean of theirs, [r, B]."""
  _, group_B = np.unique(value_B, return_inverse=True)
  order_B = np.argsort(group_B, kind="stable")
  first_G = np.flatnonzero(np.diff(group_B[order_B], prepend=-1))
  size_rG = np.add.reduceat(counts_rB[:, order_B], first_G, axis=1)
  return (size_rG.cumsum(1) - (size_rG - 1) / 2)[:, group_B]
