"""Every way to align beside the others: losses, teachers, at equal steps from one student.

python benchmarks/losses.py --student FOLDER --teacher FOLDER --english-teacher FOLDER \
    --data DATASET --tatoeba DIR --sts DIR --ntrex DIR --steps 300 --workdir runs/losses

The configs are those of experiments/imascl; here the word table is frozen, and batches are packed.
`--teacher` knows all the languages, `--english-teacher` English alone. Each run's model and the
student as it was are evaluated by labse_jax.evaluate: Tatoeba and xsim in both directions, STS as
Spearman's correlation, all with 95 % intervals. Run again, it goes on where it was. Prints a table
in Markdown, and writes WORKDIR/results.json.
"""

import argparse
import json
import pathlib
import subprocess
import sys

EXPERIMENTS = {  # name: (file of experiments/imascl, teacher)
  "hard labels": ("hard", None),
  "Priority, English teacher": ("priority", "english"),
  "Priority": ("priority", "all"),
  "Average": ("average", "all"),
  "Priority + TCM": ("tcm", "all"),
  "MSE": ("mse", "all"),
  "m-USE, K = 3": ("muse", None),
}
SUITES = {
  "tatoeba": "fra,jpn,kor,rus",
  "sts": "",
  "xsim": "fra,jpn,kor,rus",
}


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  for name in ("student", "teacher", "english-teacher", "data", "tatoeba", "sts", "ntrex"):
    parser.add_argument(f"--{name}", required=True)
  parser.add_argument("--workdir", required=True, type=pathlib.Path)
  parser.add_argument("--steps", type=int, default=300)
  parser.add_argument("--set", action="append", default=[], metavar="a.b=v", help="of the config")
  args = parser.parse_args()
  folders = {"tatoeba": args.tatoeba, "sts": args.sts, "xsim": args.ntrex}
  results = {"student": evaluate(args.student, folders, args.workdir / "student")}
  for name in EXPERIMENTS:
    work = args.workdir / name.replace(" ", "_").replace(",", "")
    train(name, args, work)
    results[name] = evaluate(work / "model", folders, work) | last_metrics(work)
    (args.workdir / "results.json").write_text(json.dumps(results, indent=2) + "\n")
  print(table(results))


def train(name, args, work):
  """One run; a run that is done says so and ends."""
  experiment, teacher = EXPERIMENTS[name]
  teacher = {"english": args.english_teacher, "all": args.teacher, None: ""}[teacher]
  options = f"model={args.student},teacher={teacher},data={args.data},steps={args.steps}"
  options += ",batch_rows=16,slots=8,length=96"
  run(
    "labse_jax.train",
    "--workdir",
    str(work),
    "--config",
    f"experiments/imascl/{experiment}.py:{options}",
    '--config.freeze=("bert/word_embedding",)',
    "--config.log_every=10",
    *(f"--config.{change}" for change in args.set),
  )


def evaluate(model, folders, work):
  """{suite: the JSON of labse_jax.evaluate}."""
  work.mkdir(parents=True, exist_ok=True)
  found = {}
  for suite, languages in SUITES.items():
    output = work / f"{suite}.json"
    if not output.exists():
      some = ["--languages", languages] if languages else []
      run(
        "labse_jax.evaluate",
        "--model",
        str(model),
        "--suite",
        suite,
        "--data",
        folders[suite],
        "--output",
        str(output),
        *some,
      )
    found[suite] = json.loads(output.read_text())
    if found[suite]["model"] != str(model):
      sys.exit(f"{output}: is of {found[suite]['model']}; use a new workdir.")
  return found


def last_metrics(work):
  """What the last steps logged."""
  rows = [json.loads(line) for line in (work / "metrics.jsonl").read_text().splitlines()]
  return {"last": rows[-1], "pairs": sum(row.get("pairs", 0) for row in rows) / len(rows)}


def run(*command):
  subprocess.run([sys.executable, "-m", *command], check=True)


def table(results):
  """Rows of runs, columns of averages and of the two STS sets, as Markdown; the rest is JSON."""
  tests = [
    ("tatoeba", None),
    *(("sts", name) for name in results["student"]["sts"]["results"]),
    ("xsim", None),
  ]
  lines = [
    f"| | {' | '.join(name or suite for suite, name in tests)} |",
    "|---" * (len(tests) + 1) + "|",
  ]
  for run, found in results.items():
    cells = [cell(found[suite], name) for suite, name in tests]
    lines.append(f"| {run} | {' | '.join(cells)} |")
  return "\n".join(lines)


def cell(result, language):
  """The main metric with its interval."""
  row = result["results"][language] if language else result["average"]
  value = next(iter(row.values()))
  if not isinstance(value, dict):
    return f"{value:.3f}"
  return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


if __name__ == "__main__":
  main()
