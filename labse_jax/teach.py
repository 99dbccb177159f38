"""`python -m labse_jax.teach`: a teacher's vectors of a dataset, ahead of training."""

import argparse
import time

from labse_jax.base.errors import run

DESCRIPTION = """Computes a model's vectors of both sides of a dataset's pairs and stores them
beside it, in DATA/vectors, where training with config.teacher finds them: float16, 4 bytes a pair
for each dimension. A run that was killed goes on where it was. Training on one host would do the
same first.

  python -m labse_jax.teach --model FOLDER --data runs/data --precision bfloat16"""


def main(argv):
  parser = argparse.ArgumentParser(
    prog="labse_jax.teach",
    description=DESCRIPTION,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument("--model", required=True, help="the teacher, a sentence-transformers folder")
  parser.add_argument("--data", required=True, help="a folder that labse_jax.prepare wrote")
  parser.add_argument("--prompt", help="put before each text, instead of the model's own")
  parser.add_argument(
    "--precision",
    choices=("float32", "bfloat16"),
    help="float32, or what was begun with, unless given",
  )
  args = parser.parse_args(argv)
  # Late: `--help` does not wait for JAX.
  from labse_jax.data.dataset import open_dataset
  from labse_jax.supervision.vector_store import Store

  start = time.monotonic()
  store = Store(open_dataset(args.data), args.model, prompt=args.prompt)
  made = len(store.missing())
  store.compute(precision=args.precision)
  done = "all there already"
  if made:
    done = f"{made} files made in {time.monotonic() - start:.1f} s"
  megabytes = sum(path.stat().st_size for path in store.folder.glob("*.npy")) / 1e6
  print(
    f"{store.folder}: {len(store):,} pairs x 2 x {store.width} float16, {megabytes:,.1f} MB; "
    f"{done}."
  )


if __name__ == "__main__":
  run(main)
