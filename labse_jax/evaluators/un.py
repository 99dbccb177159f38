"""Retrieval of translations among millions, as LaBSE reports it for the UN corpus (P@1)."""

import itertools
import os
import pathlib
import re
import tempfile
import typing
import zlib

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.data.text_hash import text_hash
from labse_jax.evaluation.resampling import both_directions, interval, mean_draws, resampled_totals
from labse_jax.evaluation.suite_files import choose, large_enough
from labse_jax.neighbours.exact import top_k_both

LINES = 1 << 16  # Encoded at a time: 192 MiB of 768 dimensions.


class Evaluator:
  """Precision of the nearest neighbour by cosine among all sentences, and among all documents.

  `data` is a folder of files aligned by line, NAME.XX beside NAME.en, as UNv1.0.6way.fr or
  UNv1.0.en-fr.fr. Where there is a NAME.ids, what stands in its lines before the first
  space or tab is the line's document, and a document's vector the mean of its sentences'. Lines are
  encoded in blocks and their vectors stored in the system's folder for temporary files (TMPDIR), so
  that memory holds some bytes a line. Languages with fewer than `minimum` lines are named under
  "skipped". Raises InputError for what is not there or does not fit.
  """

  def __init__(self, *, data, languages=None, minimum=0):
    stems = stems_in(data)
    chosen = choose(languages, list(stems), data)
    lines = {language: (range(count_lines(stems[language], language)),) for language in chosen}
    lines, self.skipped = large_enough(lines, minimum, data)
    self.sets = {language: (stems[language], len(rows)) for language, (rows,) in lines.items()}

  def texts(self):
    """Every line that `run` asks for."""
    for language, (stem, _) in self.sets.items():
      for side in ("en", language):
        yield from (line for _, line in read_lines(f"{stem}.{side}"))

  def run(self, encode):
    """Evaluates `encode(list[str]) -> float32 [N, D]`, whose rows are unit vectors.

    `forward` finds the English sentence; a found text that equals the gold text is a hit. The
    average is over languages, each counting the same; those of one NAME are drawn together.
    """
    results, outcomes, english = {}, {}, {}
    for language, (stem, count) in self.sets.items():
      document_B = read_documents(f"{stem}.ids")
      if stem not in english:  # A file of English may belong to several languages.
        english = {stem: read_side(f"{stem}.en", count, encode, document_B)}
      foreign = read_side(f"{stem}.{language}", count, encode, document_B)
      hits_B2, key = hits(foreign, english[stem]), zlib.crc32(language.encode())
      outcomes[language] = hits_B2.mean(1, dtype=np.float16)  # 0, 1/2 or 1.
      results[language] = dict(zip(("forward", "backward"), hits_B2.mean(0).tolist(), strict=True))
      if document_B is not None:
        results[language] |= _by_document(foreign, english[stem], key)
      results[language]["pairs"] = count
    # Files beside the same English are aligned with each other.
    together = {language: stem.name for language, (stem, _) in self.sets.items()}
    draws = mean_draws(outcomes, together)
    results = {
      language: both_directions("p_at_1", row["forward"], row["backward"], draws[language]) | row
      for language, row in results.items()
    }
    return {
      "suite": "un",
      "results": results,
      "average": _average(results, np.mean(list(draws.values()), axis=0)),
      "skipped": self.skipped,
      "outcomes": outcomes,  # For labse_jax.comparison, as is the next.
      "together": together,
    }


class Side(typing.NamedTuple):
  """A language's vectors, on disk, the hashes of its lines, and the sums of its documents."""

  vectors_BD: np.ndarray
  hash_B: np.ndarray
  sums_GD: np.ndarray | None


def stems_in(data):
  """{language: path without it} of the files that stand beside one of English, sorted."""
  data = pathlib.Path(data)
  if not data.is_dir():
    raise InputError(f"{data}: no such folder; it should hold NAME.XX beside NAME.en.")
  stems = {}
  for path in sorted(data.iterdir()):
    stem, language = path.with_suffix(""), path.suffix[1:]
    if language in ("", "en", "ids") or not (data / f"{stem.name}.en").exists():
      continue
    if language in stems:
      raise InputError(f"{path} and {stems[language]}.{language} are both of {language!r}.")
    stems[language] = stem
  if not stems:
    raise InputError(f"{data}: holds no file NAME.XX beside NAME.en.")
  return stems


def count_lines(stem, language):
  """The lines of both files of a language, and of its documents, which must be as many."""
  sides = [language, "en", *(["ids"] if pathlib.Path(f"{stem}.ids").exists() else [])]
  first, *others = (sum(1 for _ in read_lines(f"{stem}.{side}")) for side in sides)
  for side, count in zip(sides[1:], others, strict=True):
    if count != first or not count:
      raise InputError(
        f"{stem}.{language} has {first} lines and {stem}.{side} {count};"
        " line N of one must belong to line N of the other."
      )
  return first


def read_documents(path):
  """The number of each line's document, [B], in the order they begin; None where no file is."""
  if not pathlib.Path(path).exists():
    return None
  numbers = {}
  return np.array(
    [
      numbers.setdefault(re.split(r"\s", line, maxsplit=1)[0], len(numbers))
      for _, line in read_lines(path)
    ]
  )


def read_side(path, count, encode, document_B):
  """The Side of a file, encoded in blocks of LINES."""
  hash_B = np.zeros(count, np.uint64)
  lines = (line for _, line in read_lines(path))
  vectors_BD = sums_GD = None
  for start in range(0, count, LINES):
    texts = list(itertools.islice(lines, LINES))
    block_bD = np.asarray(encode(texts), np.float32)
    if vectors_BD is None:
      vectors_BD = _on_disk(count, block_bD.shape[1])
    rows = slice(start, start + len(texts))
    vectors_BD[rows], hash_B[rows] = block_bD, [text_hash(text) for text in texts]
    if document_B is not None:
      if sums_GD is None:
        sums_GD = np.zeros((document_B.max() + 1, block_bD.shape[1]))
      np.add.at(sums_GD, document_B[rows], block_bD)
  return Side(vectors_BD, hash_B, sums_GD)


def _on_disk(count, width):
  with tempfile.TemporaryFile() as file:  # Without a name; it goes when the map does.
    try:  # A full disk would else kill the process when the map is written (SIGBUS).
      if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, 4 * count * width)
    except OSError as error:
      raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from error
    return np.memmap(file, np.float32, "w+", shape=(count, width))


def hits(foreign, english):
  """Whether the nearest of all has the text of the line beside it, in both directions, [B, 2]."""
  near = top_k_both(foreign.vectors_BD, english.vectors_BD, 1)
  return np.stack(
    [
      candidate.hash_B[near_B1[:, 0]] == candidate.hash_B
      for candidate, (_, near_B1) in zip((english, foreign), near, strict=True)
    ],
    1,
  )


def _by_document(foreign, english, key):
  x_GD, y_GD = (_unit(side.sums_GD) for side in (foreign, english))
  right_G2 = np.concatenate(
    [near_G1 == np.arange(len(near_G1))[:, None] for _, near_G1 in top_k_both(x_GD, y_GD, 1)], 1
  )
  draws = resampled_totals(right_G2, key=key).mean(1) / len(right_G2)
  return {"document_p_at_1": interval(right_G2.mean(), draws), "documents": len(right_G2)}


def _unit(sums_GD):
  norm_G1 = np.linalg.norm(sums_GD, axis=1, keepdims=True)
  return (sums_GD / np.maximum(norm_G1, 1e-30)).astype(np.float32)


def _average(results, draws):
  def mean(name):
    return np.mean([result[name] for result in results.values()])

  average = both_directions("p_at_1", mean("forward"), mean("backward"), draws)
  found = [result.get("document_p_at_1", {}).get("value") for result in results.values()]
  if None not in found:
    average["document_p_at_1"] = float(np.mean(found))
  return {**average, "languages": len(results)}
