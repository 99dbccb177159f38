"""`python -m labse_jax.hard_negatives`: hard negatives of a dataset, mined ahead of training."""

import argparse
from collections.abc import Sequence
import time

from labse_jax.base.command import Command
from labse_jax.base.errors import run
from labse_jax.supervision.negative_rule import CANDIDATES, MARGIN, Rule

DESCRIPTION = """Finds for each pair the K texts, of the dataset's targets in the same language,
that are nearest to its source and no translations of it, and stores them in DATA/hard_negatives,
where training with config.hard_negatives finds them. A text whose cosine comes within
--cosine-margin of the pair's own, or above it, is taken for a translation. Training on one host
would mine them first.

  labse-jax hard_negatives --model FOLDER --data runs/data --k 5

Where unrelated texts have cosines near 0.8, as those of multilingual E5, 0.05 drops half of the
nearest texts, and --cosine-margin 0.01 is enough."""


def main(argv: Sequence[str]) -> None:
  args = _parsed(argv)
  # Late: `--help` does not wait for JAX.
  from labse_jax.data.dataset import open_dataset
  from labse_jax.supervision.hard_negatives import mine_by_folder, place

  start = time.monotonic()
  dataset = open_dataset(args.data)
  rule = Rule(args.k, args.cosine_margin, args.candidates)
  stored = place(dataset, args.model, rule, args.prompt)
  manifest = mine_by_folder(dataset, args.model, rule, stored, precision=args.dtype)
  print(
    f"{stored.folder}: {len(dataset):,} pairs x {args.k} negatives, "
    f"{manifest['missing']:,} missing, {time.monotonic() - start:.1f} s."
  )
  of_texts = manifest["likely_translations"] / max(manifest["looked_at"], 1)
  of_pairs = manifest["pairs_with_likely_translations"] / max(manifest["pairs"], 1)
  print(
    f"Likely translations: {of_texts:.2%} of the texts looked at, in {of_pairs:.2%} of the pairs."
  )


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
  parser = Command("hard_negatives", DESCRIPTION)
  parser.add_model()
  parser.add_data()
  add = parser.add
  add("--k", type=int, default=5, metavar="N", help="negatives for each pair")
  below = "how far below the pair's own cosine a negative's has to be"
  add("--cosine-margin", old=["--margin"], type=float, default=MARGIN, metavar="X", help=below)
  looked_at = "nearest texts that are looked at"
  add("--candidates", type=int, default=CANDIDATES, metavar="N", help=looked_at)
  parser.add_prompt()
  parser.add_dtype()
  return parser.parse(argv)


if __name__ == "__main__":
  run(main)
