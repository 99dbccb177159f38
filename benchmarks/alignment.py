"""How well `align` finds the alignment of documents that were made of NTREX, by kind of document.

  python benchmarks/alignment.py --model FOLDER --data NTREX --work DIR --output results.json

The documents are those of altered_documents.py, of 120 lines each, one of each level for each seed
and pair of languages. The part "choosing" has eight pairs and the first half of the lines: the
constants of alignment_costs were chosen on it. The part "held out" has eight other pairs and the
other lines. Vectors are kept in DIR. Intervals are 95 % bootstrap intervals over documents.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
import json
import pathlib

from altered_documents import LEVELS, Altered, make
import numpy as np

from labse_jax.base.files import read_lines, write_json
from labse_jax.encoding.encode_functions import load_encode
from labse_jax.evaluation.resampling import interval, resampled_totals
from labse_jax.mining import alignment
from labse_jax.mining.alignment_scores import Places, counts, scores_of
from labse_jax.mining.documents import Document, embed, lengths_of

PAIRS = {
  "choosing": (
    ("deu", "fra"),
    ("eng", "zho-CN"),
    ("rus", "arb"),
    ("fin", "tur"),
    ("hin", "eng"),
    ("jpn", "kor"),
    ("swa", "eng"),
    ("tha", "vie"),
  ),
  "held out": (
    ("ita", "ell"),
    ("ces", "heb"),
    ("nld", "hun"),
    ("ukr", "ind"),
    ("ben", "por"),
    ("cym", "swe"),
    ("amh", "ron"),
    ("kat", "bul"),
  ),
}
# Lines that documents are made of, and lines that are inserted. Ten between belong to neither.
LINES = {"choosing": (slice(0, 480), slice(490, 970)), "held out": (slice(490, 970), slice(0, 480))}
SIZE = 120  # Lines of a document.
BLOCKS = 4  # So many documents have no line in common.


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  for name in ("model", "data", "work", "output"):
    parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
  parser.add_argument("--seeds", type=int, nargs="+", default=[1])
  parser.add_argument("--max-sentences", type=int, default=6)
  args = parser.parse_args()
  result = {
    "model": args.model.name,
    "data": args.data.name,
    "seeds": args.seeds,
    "max_sentences": args.max_sentences,
  }
  encode = KeptVectors(args.work, args.model)
  for part in PAIRS:
    rows = []
    for pair, level, document in documents(part, args.data, args.seeds):
      rows.append((pair, level, aligned(document, encode, args.max_sentences)))
    encode.save()
    result[part] = summary(rows)
  write_json(args.output, result)
  print(json.dumps(result, indent=2))


def documents(
  part: str, data: pathlib.Path, seeds: Sequence[int]
) -> Iterator[tuple[str, str, Altered]]:
  """Yields (pair, level, document) for each pair of languages, seed and level."""
  used, spare = LINES[part]
  for number, languages in enumerate(PAIRS[part]):
    lines = [read(data / f"{language}.txt") for language in languages]
    for seed in seeds:
      key = [seed, number, part == "choosing"]
      rng = np.random.default_rng(key)
      blocks = rng.permutation(BLOCKS).tolist()
      blocks.append(blocks[seed % BLOCKS])  # There are five levels.
      for level, block in zip(LEVELS, blocks, strict=True):
        if level == "loose":  # It was added later; so the other documents stayed as they were.
          rng = np.random.default_rng([*key, len(LEVELS) + BLOCKS])
        taken = [side[used][SIZE * block : SIZE * (block + 1)] for side in lines]
        others = [side[spare] for side in lines]
        yield "-".join(languages), level, make(rng, taken, others, languages, level)


def read(path: pathlib.Path) -> list[str]:
  return [line.strip() for _, line in read_lines(path)]


def aligned(document: Altered, encode: Callable, largest: int) -> np.ndarray:
  """The counts of a document's alignment; see `alignment_scores.counts`."""
  sides = [Document(side, [*range(len(side))], len(side)) for side in document.sides]
  x, y = embed(sides, encode, largest=largest)
  links = alignment.align(x, y, lengths_of(sides), largest=largest)
  found: list[Places] = [link[:2] for link in links]
  return counts(found, document.links)


def summary(rows: Sequence[tuple[str, str, np.ndarray]]) -> dict[str, object]:
  """Strict and lax F1 of all documents, of each level and of each pair of languages."""
  levels = dict.fromkeys(level for _, level, _ in rows)
  pairs = dict.fromkeys(pair for pair, _, _ in rows)
  return {
    "all": scored([counted for _, _, counted in rows]),
    "levels": {name: scored([row[2] for row in rows if row[1] == name]) for name in levels},
    "pairs": {name: scored([row[2] for row in rows if row[0] == name]) for name in pairs},
  }


def scored(counts: Sequence[np.ndarray]) -> dict[str, object]:
  """Strict and lax F1 of some documents together, with intervals."""
  counts_BJ = np.array(counts)
  draws_RJ = resampled_totals(counts_BJ, key=0)
  of_all = scores_of(counts_BJ.sum(0))
  result: dict[str, object] = {"documents": len(counts)}
  for sense in ("strict", "lax"):
    drawn = [scores_of(draw_J)[sense]["f1"] for draw_J in draws_RJ]
    result[sense] = interval(of_all[sense]["f1"], np.array(drawn))
  return result


class KeptVectors:
  """An Encode function whose vectors are kept in a folder: `texts.json` and `vectors.npy`."""

  def __init__(self, work: pathlib.Path, model: pathlib.Path) -> None:
    self.work = work
    self.model = model
    self.encode: Callable | None = None
    self.row_of: dict[str, int] = {}
    self.vectors: list[np.ndarray] = []
    if (work / "texts.json").exists():
      texts = json.loads((work / "texts.json").read_text("utf-8"))
      self.row_of = {text: row for row, text in enumerate(texts)}
      self.vectors = [*np.load(work / "vectors.npy")]

  def __call__(self, texts: Sequence[str]) -> np.ndarray:
    new = [text for text in dict.fromkeys(texts) if text not in self.row_of]
    if new:
      if self.encode is None:  # Late: with all vectors there, no model is opened.
        self.encode = load_encode(self.model)
      self.vectors += [*self.encode(new)]
      for text in new:
        self.row_of[text] = len(self.row_of)
    return np.array([self.vectors[self.row_of[text]] for text in texts])

  def save(self) -> None:
    self.work.mkdir(parents=True, exist_ok=True)
    np.save(self.work / "vectors.npy", np.array(self.vectors))
    write_json(self.work / "texts.json", [*self.row_of])


if __name__ == "__main__":
  main()
