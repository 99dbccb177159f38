"""Semantic textual similarity: cosines against what people judged (Cer et al. 2017, STS-B)."""

from collections.abc import Iterable, Iterator, Sequence
import pathlib
import re
import zlib

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.base.types import Encode, PathLike
from labse_jax.evaluation.comparison import Draws
from labse_jax.evaluation.evaluator import Pairs, Result
from labse_jax.evaluation.resampling import interval, mean_of, resampled
from labse_jax.evaluation.result_table import Metrics
from labse_jax.evaluation.suite_files import (
  choose,
  files_in,
  large_enough,
  pair_count,
  read_aligned,
  split_name,
)
from labse_jax.evaluation.text_vectors import distinct, vectors_by_text

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
  pairs are named under "skipped". Raises InputError for data that is missing or wrong.
  """

  def __init__(
    self, *, data: PathLike, languages: str | Iterable[str] | None = None, minimum: int = 0
  ) -> None:
    files = sets_in(pathlib.Path(data))
    chosen = choose(languages, list(files), data)
    sets = {name: read_pairs(files[name]) for name in chosen}
    self.sets, self.skipped = large_enough(sets, minimum, data, count=pair_count)
    self.scored_on = {}
    for name in self.sets:
      count = unscored_lines(files[name])
      if count:
        self.scored_on[name] = f"the pairs with a score (without: {count})"

  def texts(self) -> list[str]:
    """The distinct sentences of all sets."""
    columns: list[list[str]] = []
    for first, second, _ in self.sets.values():
      columns += [first, second]
    return distinct(columns)

  def pairs(self) -> Pairs:
    """Empty: the suite has no translations."""
    return {}

  def run(self, encode: Encode) -> Result:
    """Evaluates a model, whose `encode` gives unit vectors, float32 [N, D].

    The average is over sets, each counting the same, as if their pairs had been drawn apart.
    """
    vectors_of = vectors_by_text(self.texts(), encode)
    results = {}
    draws = {}
    for name, (first, second, gold_B) in self.sets.items():
      cosine_B = np.einsum("bd,bd->b", vectors_of(first), vectors_of(second), dtype=np.float64)
      results[name], draws[name] = _correlations(cosine_B, gold_B, zlib.crc32(name.encode()))
    # Sets are drawn apart, so that the mean of the draws is a draw of the mean.
    mean_R = np.mean(list(draws.values()), axis=0)
    average = {
      "spearman": interval(mean_of(results, "spearman"), mean_R),
      "pearson": mean_of(results, "pearson"),
      "sets": len(results),
    }
    report = {
      "suite": "sts",
      "results": results,
      "average": average,
      "scored on": self.scored_on,
      "skipped": self.skipped,
    }
    return Result(report, Draws(draws))


def _correlations(cosine_B: np.ndarray, gold_B: np.ndarray, key: int) -> tuple[Metrics, np.ndarray]:
  """A set's metrics, and Spearman's of its resamplings."""

  def ranked(counts_rB: np.ndarray) -> np.ndarray:
    return spearman(cosine_B, gold_B, counts_rB)

  draws_R = resampled(ranked, len(gold_B), key=key)
  once_1B = np.ones((1, len(gold_B)), int)
  metrics: Metrics = {
    "spearman": interval(ranked(once_1B)[0], draws_R),
    "pearson": float(pearson(cosine_B, gold_B, once_1B)[0]),
    "pairs": len(gold_B),
  }
  return metrics, draws_R


def sets_in(data: pathlib.Path) -> dict[str, pathlib.Path]:
  """{name: path} of the sets of a folder, or of the one in a file."""
  semeval = {}
  for path in [data] if data.is_file() else sorted(data.glob("STS.input.*.txt")):
    name = SEMEVAL.fullmatch(path.name)
    if name:
      semeval[name[1]] = path
  if semeval:
    return semeval
  if data.is_file():
    return {split_name(data)[0]: data}
  return files_in(data, SUFFIXES)


def unscored_lines(path: pathlib.Path) -> int:
  """How many lines of a set of SemEval's have no score; 0 of another."""
  gold = _gold(path)
  if gold is None:
    return 0
  return sum(not line.strip() for _, line in read_lines(gold))


def _gold(path: pathlib.Path) -> pathlib.Path | None:
  """SemEval's file of scores beside one of its sentences, else None."""
  name = SEMEVAL.fullmatch(path.name)
  return path.with_name(f"STS.gs.{name[1]}.txt") if name else None


def _lines(path: pathlib.Path) -> Iterator[tuple[int, str]]:
  """Yields (number, line) of a file; of SemEval's two, the lines "score, sentence, sentence"."""
  gold = _gold(path)
  if gold is None:
    yield from read_lines(path)
    return
  scores, lines = read_aligned(gold, path)
  for number, (score, line) in enumerate(zip(scores, lines, strict=True), 1):
    if score.strip():
      yield number, "\t".join([score, *line.split("\t")[:2]])


def read_pairs(path: PathLike) -> tuple[list[str], list[str], np.ndarray]:
  """Returns (first sentences, second sentences, gold_B) of a set's pairs."""
  path = pathlib.Path(path)
  columns = None
  first_texts = []
  second_texts = []
  scores = []
  for number, line in _lines(path):
    cells = [cell.strip() for cell in line.split("\t")]
    # The first line tells the columns, and is a pair unless it is a header.
    if columns is None:
      columns = _columns(cells, f"{path}:{number}")
      if cells[columns[0]] == COLUMNS[0]:
        continue
    score, first, second = _row(cells, columns, f"{path}:{number}")
    scores.append(score)
    first_texts.append(first)
    second_texts.append(second)
  if len(set(scores)) < 2:
    raise InputError(f"{path}: has fewer than two different scores; there is nothing to rank.")
  return first_texts, second_texts, np.array(scores)


def _columns(cells: list[str], where: str) -> Sequence[int]:
  """The places of the score and both sentences, told by the first line, which may be a header."""
  if set(COLUMNS) <= set(cells):
    return [cells.index(name) for name in COLUMNS]
  columns = WITHOUT_HEADER.get(min(len(cells), 7))  # STS-B's training file adds sources at the end.
  if columns is None:
    raise InputError(
      f"{where}: has {len(cells)} columns separated by tabs; a header with {', '.join(COLUMNS)},"
      " STS-B's 7 columns, or score, sentence, sentence are allowed."
    )
  return columns


def _row(cells: list[str], columns: Sequence[int], where: str) -> tuple[float, str, str]:
  """Returns (score, sentence, sentence) of a line's cells."""
  if len(cells) <= max(columns):
    raise InputError(f"{where}: has {len(cells)} columns; {max(columns) + 1} are needed.")
  given, first, second = (cells[column] for column in columns)
  try:
    score = float(given)
  except ValueError:
    raise InputError(f"{where}: the score is {given!r}; a number is needed.") from None
  if not np.isfinite(score):
    raise InputError(f"{where}: the score is {score}; a finite number is needed.")
  if not (first and second):
    raise InputError(f"{where}: a sentence is empty.")
  return score, first, second


def spearman(x_B: np.ndarray, y_B: np.ndarray, counts_rB: np.ndarray) -> np.ndarray:
  """Rank correlations of resamplings, [r]; pair b stands counts_rB[r, b] times in resampling r."""
  return pearson(ranks(x_B, counts_rB), ranks(y_B, counts_rB), counts_rB)


def pearson(x_rB: np.ndarray, y_rB: np.ndarray, counts_rB: np.ndarray) -> np.ndarray:
  """Correlations of resamplings, [r]; 0 where all values are equal, as with a collapsed model."""

  def mean(value_rB: np.ndarray) -> np.ndarray:
    return (counts_rB * value_rB).sum(1) / counts_rB.sum(1)

  x_rB = x_rB - mean(x_rB)[:, None]
  y_rB = y_rB - mean(y_rB)[:, None]
  spread_r = np.sqrt(mean(x_rB**2) * mean(y_rB**2))
  return np.divide(mean(x_rB * y_rB), spread_r, out=np.zeros(len(counts_rB)), where=spread_r > 0)


def ranks(value_B: np.ndarray, counts_rB: np.ndarray) -> np.ndarray:
  """Ranks from 1 on within each resampling, [r, B]; equal values share the mean of their ranks."""
  _, group_B = np.unique(value_B, return_inverse=True)
  order_B = np.argsort(group_B, kind="stable")
  first_G = np.flatnonzero(np.diff(group_B[order_B], prepend=-1))
  size_rG = np.add.reduceat(counts_rB[:, order_B], first_G, axis=1)
  return (size_rG.cumsum(1) - (size_rG - 1) / 2)[:, group_B]
