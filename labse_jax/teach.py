"""`python -m labse_jax.teach`: a teacher's vectors of a dataset, ahead of training."""

from collections.abc import Sequence
import time

from labse_jax.base.command import PRODUCTS, Command
from labse_jax.base.errors import run

DESCRIPTION = """Computes a model's vectors of both sides of a dataset's pairs and stores them
beside it, in DATA/vectors, where training with config.teacher finds them: float16, 4 bytes a pair
for each dimension. A run that was killed goes on where it was. Training on one host would do the
same first.

  labse-jax teach --model FOLDER --data runs/data --dtype bfloat16"""


def main(argv: Sequence[str]) -> None:
  parser = Command("teach", DESCRIPTION)
  parser.add_model()
  parser.add_data()
  parser.add_prompt()
  parser.add_dtype(
    default=None, help=f"{PRODUCTS} (default: that of the vectors there, or float32)"
  )
  args = parser.parse(argv)
  # Late: `--help` does not wait for JAX.
  from labse_jax.data.dataset import open_dataset
  from labse_jax.supervision.vector_store import Store

  start = time.monotonic()
  store = Store(open_dataset(args.data), args.model, prompt=args.prompt)
  made = len(store.missing())
  store.compute(precision=args.dtype)
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
