"""Retrieval of translations among millions, as LaBSE reports it for the UN corpus (P@1)."""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
import itertools
import os
import pathlib
import re
import tempfile
import zlib

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.base.types import Encode, PathLike
from labse_jax.data.text_hash import text_hash
from labse_jax.evaluation.comparison import Outcomes
from labse_jax.evaluation.evaluator import Pairs, Result
from labse_jax.evaluation.resampling import (
  both_directions,
  interval,
  mean_draws,
  mean_of,
  resampled_totals,
)
from labse_jax.evaluation.result_table import Metrics
from labse_jax.evaluation.suite_files import choose, large_enough
from labse_jax.evaluation.text_vectors import distinct
from labse_jax.neighbours.exact import top_k_both
from labse_jax.neighbours.unit_vectors import unit

LINES = 1 << 16  # Encoded at a time: 192 MiB of 768 dimensions.


class Evaluator:
  """Precision of the nearest neighbour by cosine among all sentences, and among all documents.

  `data` is a folder of files aligned by line, NAME.XX beside NAME.en, as UNv1.0.6way.fr or
  UNv1.0.en-fr.fr. A NAME.ids beside them names the document of each line, before the first space
  or tab of its own line; the vector of a document is the mean of its sentences' vectors. Lines are
  encoded in blocks and their vectors stored in the system's folder for temporary files (TMPDIR), so
  that memory holds some bytes a line. Languages with fewer than `minimum` lines are named under
  "skipped". Raises InputError for data that is missing or wrong.
  """

  def __init__(
    self, *, data: PathLike, languages: str | Iterable[str] | None = None, minimum: int = 0
  ) -> None:
    stems = stems_in(data)
    chosen = choose(languages, list(stems), data)
    sets = {}
    for language in chosen:
      sets[language] = Text(stems[language], count_lines(stems[language], language))
    self.sets, self.skipped = large_enough(sets, minimum, data, count=lambda text: text.count)

  def texts(self) -> list[str]:
    """The distinct lines of all files, which are read for it."""
    columns: list[Iterator[str]] = []
    for language, text in self.sets.items():
      columns += [_lines(f"{text.stem}.en"), _lines(f"{text.stem}.{language}")]
    return distinct(columns)

  def pairs(self) -> Pairs:
    """Empty: the lines are too many for memory."""
    return {}

  def run(self, encode: Encode) -> Result:
    """Evaluates a model, whose `encode` gives unit vectors, float32 [N, D].

    `forward` finds the English sentence; a found text that equals the gold text is a hit. The
    average is over languages, each counting the same; those of one NAME are drawn together.
    """
    found = {}
    scores = {}
    together = {}
    english_stem = None
    for language, text in self.sets.items():
      stem = text.stem
      document_B = read_documents(f"{stem}.ids")
      # Languages of one NAME share its file of English, which is encoded once.
      if stem != english_stem:
        english = read_side(f"{stem}.en", text.count, encode, document_B)
        english_stem = stem
      foreign = read_side(f"{stem}.{language}", text.count, encode, document_B)
      found[language] = Found(hits(foreign, english), document_hits(foreign, english))
      scores[language] = found[language].hits_B2.mean(1, dtype=np.float16)  # 0, 1/2 or 1.
      # Files beside the same English are aligned with each other.
      together[language] = stem.name

    draws = mean_draws(scores, together)
    results = {name: _metrics(name, one, draws[name]) for name, one in found.items()}
    report = {
      "suite": "un",
      "results": results,
      "average": _average(results, np.mean(list(draws.values()), axis=0)),
      "skipped": self.skipped,
    }
    return Result(report, Outcomes(scores, together))


@dataclasses.dataclass(frozen=True)
class Text:
  """The path of aligned files without their languages, and the number of their lines."""

  stem: pathlib.Path
  count: int


def stems_in(data: PathLike) -> dict[str, pathlib.Path]:
  """{language: path without it} of the files that stand beside one of English, sorted."""
  data = pathlib.Path(data)
  if not data.is_dir():
    raise InputError(f"{data}: no such folder; it should hold NAME.XX beside NAME.en.")
  stems: dict[str, pathlib.Path] = {}
  for path in sorted(data.iterdir()):
    stem = path.with_suffix("")
    language = path.suffix[1:]
    if language in ("", "en", "ids") or not (data / f"{stem.name}.en").exists():
      continue
    if language in stems:
      raise InputError(f"{path} and {stems[language]}.{language} are both of {language!r}.")
    stems[language] = stem
  if not stems:
    raise InputError(f"{data}: holds no file NAME.XX beside NAME.en.")
  return stems


def count_lines(stem: PathLike, language: str) -> int:
  """The lines of both files of a language, and of its documents, which must be as many."""
  count = _count(stem, language)
  others = ["en"]
  if pathlib.Path(f"{stem}.ids").exists():
    others.append("ids")
  for side in others:
    other_count = _count(stem, side)
    if other_count != count or not other_count:
      raise InputError(
        f"{stem}.{language} has {count} lines and {stem}.{side} {other_count};"
        " line N of one must belong to line N of the other."
      )
  return count


def _count(stem: PathLike, side: str) -> int:
  return sum(1 for _ in _lines(f"{stem}.{side}"))


def _lines(path: PathLike) -> Iterator[str]:
  return (line for _, line in read_lines(path))


@dataclasses.dataclass(frozen=True)
class Side:
  """A language's vectors, on disk, the hashes of its lines, and the sums of its G documents."""

  vectors_BD: np.ndarray
  hash_B: np.ndarray
  sums_GD: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Found:
  """Whether each line, and each document, finds its translation: forward, backward."""

  hits_B2: np.ndarray
  document_hits_G2: np.ndarray | None


def read_documents(path: PathLike) -> np.ndarray | None:
  """The number of each line's document, [B], in the order they begin; None where no file is."""
  if not pathlib.Path(path).exists():
    return None
  numbers: dict[str, int] = {}
  document_B = []
  for line in _lines(path):
    document = re.split(r"\s", line, maxsplit=1)[0]
    document_B.append(numbers.setdefault(document, len(numbers)))
  return np.array(document_B)


def read_side(path: PathLike, count: int, encode: Encode, document_B: np.ndarray | None) -> Side:
  """The Side of a file, encoded in blocks of LINES."""
  hash_B = np.zeros(count, np.uint64)
  lines = _lines(path)
  vectors_BD: np.ndarray | None = None
  sums_GD: np.ndarray | None = None
  for start in range(0, count, LINES):
    texts = list(itertools.islice(lines, LINES))
    block_bD = np.asarray(encode(texts), np.float32)
    # The first block tells the width.
    if vectors_BD is None:
      vectors_BD = _on_disk(count, block_bD.shape[1])
    rows = slice(start, start + len(texts))
    vectors_BD[rows] = block_bD
    hash_B[rows] = [text_hash(text) for text in texts]
    if document_B is not None:
      if sums_GD is None:
        sums_GD = np.zeros((document_B.max() + 1, block_bD.shape[1]))
      np.add.at(sums_GD, document_B[rows], block_bD)
  assert vectors_BD is not None  # A file without lines was refused when it was counted.
  return Side(vectors_BD, hash_B, sums_GD)


def _on_disk(count: int, width: int) -> np.ndarray:
  with tempfile.TemporaryFile() as file:  # Without a name; it goes when the map does.
    try:  # A full disk would else kill the process when the map is written (SIGBUS).
      if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, 4 * count * width)
    except OSError as error:
      raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from error
    return np.memmap(file, np.float32, "w+", shape=(count, width))


def hits(foreign: Side, english: Side) -> np.ndarray:
  """Whether the nearest of all lines has the text of the line beside it, both ways, [B, 2]."""
  (_, english_B1), (_, foreign_B1) = top_k_both(foreign.vectors_BD, english.vectors_BD, 1)
  forward_B = english.hash_B[english_B1[:, 0]] == english.hash_B
  backward_B = foreign.hash_B[foreign_B1[:, 0]] == foreign.hash_B
  return np.stack([forward_B, backward_B], 1)


def document_hits(foreign: Side, english: Side) -> np.ndarray | None:
  """Whether the nearest of all documents is the translation, both ways, [G, 2]; None without."""
  if foreign.sums_GD is None or english.sums_GD is None:
    return None
  # The direction of the sum is that of the mean.
  x_GD = unit(foreign.sums_GD).astype(np.float32)
  y_GD = unit(english.sums_GD).astype(np.float32)
  (_, english_G1), (_, foreign_G1) = top_k_both(x_GD, y_GD, 1)
  gold_G1 = np.arange(len(x_GD))[:, None]
  return np.concatenate([english_G1 == gold_G1, foreign_G1 == gold_G1], 1)


def _metrics(language: str, found: Found, draws_R: np.ndarray) -> Metrics:
  """A language's metrics; `draws_R` are resamplings of the main one."""
  forward, backward = found.hits_B2.mean(0).tolist()
  metrics = both_directions("p_at_1", forward, backward, draws_R)
  right_G2 = found.document_hits_G2
  if right_G2 is not None:
    document_draws_R2 = resampled_totals(right_G2, key=zlib.crc32(language.encode()))
    document_draws_R = document_draws_R2.mean(1) / len(right_G2)
    metrics["document_p_at_1"] = interval(right_G2.mean(), document_draws_R)
    metrics["documents"] = len(right_G2)
  return metrics | {"pairs": len(found.hits_B2)}


def _average(results: Mapping[str, Metrics], draws_R: np.ndarray) -> Metrics:
  forward = mean_of(results, "forward")
  backward = mean_of(results, "backward")
  average = both_directions("p_at_1", forward, backward, draws_R)
  # Languages without documents have no such metric, and then there is no mean of all.
  if all("document_p_at_1" in row for row in results.values()):
    average["document_p_at_1"] = mean_of(results, "document_p_at_1")
  return {**average, "languages": len(results)}
