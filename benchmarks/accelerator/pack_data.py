"""Writes the kit's texts: pairs.jsonl.zst, all pairs of a dataset, and lines.txt, to encode.

python benchmarks/accelerator/pack_data.py DATASET KIT
"""

from collections.abc import Iterator
import json
import pathlib

import numpy as np
import zstandard

from labse_jax.base.errors import InputError, run
from labse_jax.data.dataset import Dataset, open_dataset

LINES = 2_000
READ_AT_ONCE = 4_096
LEVEL = 19  # The smallest file at a speed that is still bearable.


def main(argv: list[str]) -> None:
  if len(argv) != 2:
    raise InputError(f"Got {len(argv)} arguments; two are needed: DATASET KIT.")
  dataset = open_dataset(argv[0])
  kit = pathlib.Path(argv[1])
  write_pairs(dataset, kit / "pairs.jsonl.zst")
  write_lines(dataset, kit / "lines.txt")


def write_pairs(dataset: Dataset, path: pathlib.Path) -> None:
  """Writes one JSON object a line, as `labse_jax.data.sources.jsonl` reads them."""
  compressor = zstandard.ZstdCompressor(level=LEVEL)
  with open(path, "wb") as file, compressor.stream_writer(file) as out:
    for row in rows(dataset):
      out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def write_lines(dataset: Dataset, path: pathlib.Path) -> None:
  """Writes the sources of an even sample of pairs, one a line."""
  count = min(LINES, len(dataset))
  indices = np.linspace(0, len(dataset) - 1, count).astype(int)
  with open(path, "w", encoding="utf-8") as file:
    for row in dataset.source.__getitems__(indices.tolist()):
      file.write(" ".join(row["source"].split()) + "\n")


def rows(dataset: Dataset) -> Iterator[dict]:
  """The pairs in their order, each with its two languages."""
  for start in range(0, len(dataset), READ_AT_ONCE):
    indices = np.arange(start, min(start + READ_AT_ONCE, len(dataset)))
    yield from dataset.source.__getitems__(indices.tolist())


if __name__ == "__main__":
  run(main)
