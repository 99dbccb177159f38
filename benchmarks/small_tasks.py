"""Which pair comes first where a few lines are mined, by each margin.

  python benchmarks/small_tasks.py --models FOLDER FOLDER --data NTREX --work DIR \\
      --output results.json --languages eng,deu,ita,ell,ukr,vie,hin,swa,tel,cym --seed 1

A task: two of the languages, 4 to 20 lines of each, every line with its translation. The margins
rank the same neighbours (k = 4, --retrieval max). "quotient" is LASER's ratio, which `--margin
ratio` gives only where means are not low. Vectors of the first 300 sentences of each language are
kept in DIR.
"""

import argparse
import json
import pathlib

import numpy as np

from labse_jax.base.files import read_lines, write_json
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.neighbours.exact import top_k_both
from labse_jax.neighbours.margin import neighbour_scores, retrieved
from labse_jax.neighbours.settings import FLOOR, MARGINS

SIZES = (4, 8, 12, 16, 20)
SENTENCES = 300
K = 4


def quotient(cosine, mean):
  with np.errstate(divide="ignore", invalid="ignore"):
    return cosine / mean


# Beside the product's own, so that one function ranks by all of them.
MARGINS["quotient"] = quotient
COMPARED = ("quotient", "ratio", "distance")


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  for name in ("data", "work", "output"):
    parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
  parser.add_argument("--models", required=True, nargs="+", type=pathlib.Path)
  parser.add_argument("--languages", required=True)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--tasks", type=int, default=1000, help="of each size")
  args = parser.parse_args()
  result = {
    "data": args.data.name,
    "languages": args.languages,
    "seed": args.seed,
    "tasks": args.tasks,
    "k": K,
    "floor": FLOOR,
    "models": {},
  }
  for model in args.models:
    vectors = read_vectors(model, args)
    rng = np.random.default_rng(args.seed)
    result["models"][model.name] = {size: shares(rng, vectors, size, args.tasks) for size in SIZES}
  write_json(args.output, result)
  print(json.dumps(result, indent=2))


def read_vectors(model, args):
  """{language: [SENTENCES, D]}, encoded where DIR does not hold them."""
  vectors = {}
  encoder = None
  for language in args.languages.split(","):
    path = args.work / model.name / f"{language}.npy"
    if not path.exists():
      encoder = encoder or SentenceEncoder.load(model)
      lines = [line for _, line in read_lines(args.data / f"{language}.txt")]
      path.parent.mkdir(parents=True, exist_ok=True)
      np.save(path, encoder.encode(lines[:SENTENCES], normalize_embeddings=True, warn=False))
    vectors[language] = np.load(path)
  return vectors


def shares(rng, vectors, size, tasks):
  """What each margin does with tasks of so many lines, as shares; and how low the means are."""
  counts = {name: np.zeros(3) for name in COMPARED}
  low = 0
  for _ in range(tasks):
    source, target = rng.choice(list(vectors), 2, replace=False)
    lines = rng.permutation(SENTENCES)[:size]
    x_ND = vectors[source][lines]
    y_ND = vectors[target][lines]
    near_x, near_y = top_k_both(x_ND, y_ND, K)
    mean_NN = (near_x[0].mean(1)[:, None] + near_y[0].mean(1)) / 2
    low += (mean_NN < FLOOR).any()
    for name in COMPARED:
      row_x_P, row_y_P, _ = retrieved(*neighbour_scores(near_x, near_y, name), "max")
      right_P = row_x_P == row_y_P
      first_cosine = x_ND[row_x_P[0]] @ y_ND[row_y_P[0]]
      counts[name] += (first_cosine < 0, right_P[0], right_P.sum() / size)
  of_margins = {}
  for name, sums in counts.items():
    names = ("negative cosine first", "true pair first", "true pairs found")
    of_margins[name] = dict(zip(names, np.round(sums / tasks, 3).tolist(), strict=True))
  return {"tasks with a mean below the floor": round(low / tasks, 3), **of_margins}


if __name__ == "__main__":
  main()
