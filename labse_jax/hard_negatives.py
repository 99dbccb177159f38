"""`python -m labse_jax.hard_negatives`: hard negatives of a dataset, mined ahead of training."""

import argparse
import time

from labse_jax.base.errors import run
from labse_jax.data.dataset import open_dataset
from labse_jax.supervision.hard_negatives import mine_by_folder, place
from labse_jax.supervision.negative_mining import CANDIDATES, MARGIN, Rule

DESCRIPTION = """Finds for each pair the K texts, of the dataset's targets in the same language,
that are nearest to its source and no translations of it, and stores them in DATA/hard_negatives,
where training with config.hard_negatives finds them. A text whose cosine comes within --margin of
the pair's own, or above it, is taken for a translation. Training on one host would mine them first.

  python -m labse_jax.hard_negatives --model FOLDER --data runs/data --k 5

Where unrelated texts have cosines near 0.8, as those of multilingual E5, 0.05 drops half of the
nearest texts, and --margin 0.01 is enough."""


def main(argv):
  args = _parsed(argv)
  start = time.monotonic()
  dataset = open_dataset(args.data)
  rule = Rule(args.k, args.margin, args.candidates)
  stored = place(dataset, args.model, rule, args.prompt)
  manifest = mine_by_folder(dataset, args.model, rule, stored, precision=args.precision)
  print(
    f"{stored.folder}: {len(dataset):,} pairs x {args.k} negatives, "
    f"{manifest['missing']:,} missing, {time.monotonic() - start:.1f} s."
  )
  of_texts = manifest["likely_translations"] / max(manifest["looked_at"], 1)
  of_pairs = manifest["pairs_with_likely_translations"] / max(manifest["pairs"], 1)
  print(
    f"Likely translations: {of_texts:.2%} of the texts looked at, in {of_pairs:.2%} of the pairs."
  )


def _parsed(argv):
  parser = argparse.ArgumentParser(
    prog="labse_jax.hard_negatives",
    description=DESCRIPTION,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  add("--model", required=True, help="the model that mines, a sentence-transformers folder")
  add("--data", required=True, help="a folder that labse_jax.prepare wrote")
  add("--k", type=int, default=5, help="negatives for each pair (%(default)s)")
  add("--margin", type=float, default=MARGIN, help="below the pair's own cosine (%(default)s)")
  add(
    "--candidates",
    type=int,
    default=CANDIDATES,
    help="nearest texts that are looked at (%(default)s)",
  )
  add("--prompt", help="put before each text, instead of the model's own")
  add("--precision", default="float32", choices=("float32", "bfloat16"), help="of the encoder")
  return parser.parse_args(argv)


if __name__ == "__main__":
  run(main)
