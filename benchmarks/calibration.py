"""The precision that calibrated mining reaches, beside what was asked for, on random tasks.

  python benchmarks/calibration.py --model FOLDER --data NTREX --work DIR --output results.json \\
      --languages eng,deu,ita,ell,ukr,vie,hin,swa,tel,cym --seed 1

A task: two of the languages, 100 to 500 true pairs, and for each of the sides 0.2 to 5 times as
many sentences whose translation is not there, of the same news. Vectors are kept in DIR. Beside the
precision and the recall of a threshold found stands the recall of the lowest threshold that has the
precision, which only who knows the truth can find; and what fixed thresholds of the ratio margin
give. Where calibration finds no threshold, the task counts as refused.
"""

import argparse
import json
import pathlib

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines, write_json
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.mining.calibration import RISK, calibrated, threshold

PRECISIONS = (0.9, 0.95, 0.99)
FIXED = (1.04, 1.06, 1.2)


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  for name in ("model", "data", "work", "output"):
    parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
  parser.add_argument("--languages", required=True)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--tasks", type=int, default=20)
  args = parser.parse_args()
  vectors = read_vectors(args)
  rng = np.random.default_rng(args.seed)
  tasks = [run(draw(rng, vectors), vectors) for _ in range(args.tasks)]
  result = {
    "model": args.model.name,
    "data": args.data.name,
    "seed": args.seed,
    "risk": RISK,
    "languages": args.languages,
    "summary": summary(tasks),
    "tasks": tasks,
  }
  write_json(args.output, result)
  print(json.dumps(result["summary"], indent=2))


def read_vectors(args):
  """{language: [N, D]}, encoded where DIR does not hold them."""
  vectors = {}
  encoder = None
  for language in args.languages.split(","):
    path = args.work / f"{language}.npy"
    if not path.exists():
      encoder = encoder or SentenceEncoder.load(args.model, dtype="bfloat16")
      lines = [line for _, line in read_lines(args.data / f"{language}.txt")]
      np.save(path, encoder.encode(lines, normalize_embeddings=True))
    vectors[language] = np.load(path)
  return vectors


def draw(rng, vectors):
  """A task: its languages, how many sentences of each kind, and the lines of either side."""
  source, target = (str(name) for name in rng.choice(list(vectors), 2, replace=False))
  lines = rng.permutation(len(vectors[source]))
  while True:
    pairs = int(rng.integers(100, 501))
    alone_x, alone_y = (int(pairs * np.exp(rng.uniform(np.log(0.2), np.log(5)))) for _ in range(2))
    if pairs + alone_x + alone_y <= len(lines):
      break
  both = lines[:pairs]
  rest = lines[pairs:]
  lines_x = rng.permutation(np.concatenate([both, rest[:alone_x]]))
  lines_y = rng.permutation(np.concatenate([both, rest[alone_x : alone_x + alone_y]]))
  about = {"source": source, "target": target, "pairs": pairs, "alone": [alone_x, alone_y]}
  return about, lines_x, lines_y


def run(task, vectors):
  """The task with the precision and recall of each threshold."""
  about, lines_x, lines_y = task
  x_ND = vectors[about["source"]][lines_x]
  y_MD = vectors[about["target"]][lines_y]
  try:
    found = calibrated(x_ND, y_MD, k=4)
  except InputError as error:
    return about | {"refused": str(error)}
  right_P = lines_x[found.row_x_P] == lines_y[found.row_y_P]

  def measure(lowest):
    return measured(right_P[found.score_P >= lowest], about["pairs"])

  asked = {}
  for precision in PRECISIONS:
    share_P = np.cumsum(right_P) / np.arange(1, len(right_P) + 1)
    enough = np.flatnonzero(share_P >= precision)
    best = measured(right_P[: enough[-1] + 1] if len(enough) else right_P[:0], about["pairs"])
    try:
      lowest = float(threshold(found, precision))
      asked[str(precision)] = measure(lowest) | {"threshold": lowest, "oracle": best["recall"]}
    except InputError:
      asked[str(precision)] = {"refused": True, "oracle": best["recall"]}
  fixed = {str(lowest): measure(lowest) for lowest in FIXED}
  return about | {"decoys": len(found.decoys[0]), "asked": asked, "fixed": fixed}


def measured(right_P, pairs):
  right = int(right_P.sum())
  return {"mined": len(right_P), "precision": right / max(1, len(right_P)), "recall": right / pairs}


def summary(tasks):
  """For each precision asked for, in how many tasks it was reached; means over the tasks."""
  done = [task for task in tasks if "asked" in task]
  lines = {"tasks": len(tasks), "not calibrated": len(tasks) - len(done)}
  for name in map(str, PRECISIONS):
    rows = [task["asked"][name] for task in done]
    found = [row for row in rows if "threshold" in row]
    lines[f"asked {name}"] = {
      "thresholds": len(found),
      "held": sum(row["precision"] >= float(name) for row in found),
      "lowest precision": min((row["precision"] for row in found), default=None),
      "recall": mean(found, "recall"),
      "recall, none where refused": sum(row["recall"] for row in found) / len(tasks),
      "oracle recall": mean(rows, "oracle"),
    }
  for name in map(str, FIXED):
    rows = [task["fixed"][name] for task in done]
    precisions = [row["precision"] for row in rows if row["mined"]]
    lines[f"ratio {name}"] = {
      "precision": mean([row for row in rows if row["mined"]], "precision"),
      "from": min(precisions, default=None),
      "to": max(precisions, default=None),
      "recall": mean(rows, "recall"),
    }
  return lines


def mean(rows, name):
  return float(np.mean([row[name] for row in rows])) if rows else None


if __name__ == "__main__":
  main()
