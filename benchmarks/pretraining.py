"""What pretraining and stacking are worth on real pairs, at a size that two cores train in an hour.

python benchmarks/pretraining.py --pairs pairs.tsv --tatoeba DIR --workdir runs/pretraining

`--pairs` has the columns source_language, target_language, origin, source, target. One English
message in 100 is held out, one in 5 of the others makes the small set; a message's translations
stay together. Pretraining reads the sides of all pairs as text, and as pairs the small set alone.

(a) Stacking (1, 2, 4 layers) beside 4 layers from the start, at equal wall-clock by step times that
    are measured first: loss on the held-out pairs, with the same masks.
(b) The dual encoder from nothing and from the stacked model, on the small set and on all pairs, at
    equal steps: Tatoeba, with 95 % intervals.

Run again, it goes on where it was. Writes results.json.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import zlib

import jax
import jax.numpy as jnp
import numpy as np

from labse_jax import model_folder
from labse_jax import train as trainer
from labse_jax.base.files import read_lines
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.configs.command_line import load_config
from labse_jax.data.batches.streams import to_devices

EXPERIMENT = "experiments/pretrain_small.py"
TIME_SHARES = (0.2, 0.25, 0.55)  # Of the stages of 1, 2 and 4 layers.
HELD_OUT_BATCHES = 40
TATOEBA = "ara,deu,spa,fra,ita,jpn,kor,nld,pol,por,rus,tha,tur,cmn"  # m-USE's languages.


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--pairs", required=True)
  parser.add_argument("--tatoeba", required=True)
  parser.add_argument("--workdir", required=True, type=pathlib.Path)
  parser.add_argument("--pretrain-seconds", type=float, default=720)
  parser.add_argument("--dual-encoder-steps", type=int, default=300)
  args = parser.parse_args()
  work = args.workdir
  if not (work / "vocabulary").exists():
    prepare(args.pairs, work)
  stacked, full = steps_for(args.pretrain_seconds, work)
  results = {"steps": {"stacked": stacked, "full": full}}
  results["pretraining"] = pretraining(work, {"stacked": stacked, "full": full})
  results["dual_encoder"] = dual_encoders(work, args.dual_encoder_steps, args.tatoeba)
  (work / "results.json").write_text(json.dumps(results, indent=2) + "\n")
  print(json.dumps(results, indent=2))


def prepare(pairs, work):
  """The pairs as datasets: held_out, small (a fifth) and all; text of their sides; a vocabulary."""
  work.mkdir(parents=True, exist_ok=True)
  lines = {"held_out": [], "small": [], "all": []}
  text = {}
  for _, line in read_lines(pairs):
    source_language, target_language, _, source, target = line.split("\t")
    english = source if source_language == "eng" else target
    number = zlib.crc32(english.lower().encode())
    if number % 100 == 0:
      lines["held_out"].append(line)
      continue
    lines["all"].append(line)
    if number // 100 % 5 == 0:
      lines["small"].append(line)
    text.setdefault(source_language, {})[source] = None
    text.setdefault(target_language, {})[target] = None
  columns = "source_language,target_language,origin,source,target"
  for name, rows in lines.items():
    (work / f"{name}.tsv").write_text("".join(f"{row}\n" for row in rows), "utf-8")
    call("prepare", "--input", work / f"{name}.tsv", "--columns", columns, "--output", work / name)
  for language, sentences in text.items():
    (work / f"text.{language}.txt").write_text("".join(f"{s}\n" for s in sentences), "utf-8")
  call(
    "prepare",
    "--format",
    "text",
    "--input",
    *sorted(work.glob("text.*.txt")),
    "--output",
    work / "text",
  )
  call("vocabulary", "--data", work / "all", "--pieces", 8000, "--output", work / "vocabulary")


def call(verb, *words):
  """Runs a verb of the command line."""
  subprocess.run([sys.executable, "-m", f"labse_jax.{verb}", *map(str, words)], check=True)


def load_config_of(text):
  return load_config(["--config", text, "--workdir", "unused"])[0]


def config_text(work, **options):
  options = {"tokenizer": work / "vocabulary"} | options
  return f"{EXPERIMENT}:" + ",".join(f"{name}={value}" for name, value in options.items())


def steps_for(seconds, work):
  """Steps of the stacked and of the full-depth run that take `seconds` each, as in `steps=`."""
  path = work / "step_times.json"
  if not path.exists():
    text = config_text(work, data=work / "small", text=work / "text", steps="9/9/9")
    config = load_config_of(text)
    mesh = make_mesh()
    times = []
    with jax.set_mesh(mesh):
      stages = trainer.make_stages(config, mesh)
      batches = iter(stages[0].task.batches())
      for stage in stages:
        times.append(step_time(stage, batches, mesh))
    path.write_text(json.dumps(times))
  times = json.loads(path.read_text())
  stacked = [int(seconds * share / each) for share, each in zip(TIME_SHARES, times, strict=True)]
  return "/".join(map(str, stacked)), str(int(seconds / times[-1]))


def step_time(stage, batches, mesh):
  """The median seconds of a step."""
  state = stage.init(jax.random.key(0))
  key = jax.random.key(0)
  times = []
  for _ in range(8):
    batch = to_devices(next(batches), batch_sharding(mesh))
    start = time.perf_counter()
    state, metrics = stage.train_step(state, batch, key)
    jax.block_until_ready(metrics)
    times.append(time.perf_counter() - start)
  return statistics.median(times[1:])


def pretraining(work, steps):
  """{run: held-out losses and what it took} of each run of `steps`."""
  results = {}
  for name, count in steps.items():
    text = config_text(work, data=work / "small", text=work / "text", steps=count)
    start = time.monotonic()
    call("train", "--config", text, "--workdir", work / name)
    seconds = {"seconds": round(time.monotonic() - start)}  # Of a run that was not done before.
    results[name] = held_out_loss(work, name) | took(work / name) | seconds
  return results


def took(workdir):
  rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
  tokens = statistics.median(row["tokens_per_second"] for row in rows)
  return {"steps": rows[-1]["step"] + 1, "tokens_per_second": round(tokens)}


def held_out_loss(work, name):
  """The mean losses of a pretrained model on held-out pairs, the same masks for every model."""
  config = load_config_of(config_text(work, data=work / "held_out", steps="1"))
  mesh = make_mesh()
  with jax.set_mesh(mesh):
    task = trainer.make_stages(config, mesh)[0].task
    params = model_folder.read(work / name / "model", pretraining=True).params
    params = jax.device_put(params, jax.NamedSharding(mesh, jax.P()))
    loss = jax.jit(task.loss_fn)
    batches = iter(task.batches())
    rows = []
    for _ in range(HELD_OUT_BATCHES):
      batch = to_devices(next(batches), batch_sharding(mesh))
      rows.append(jax.device_get(loss(params, batch, jax.random.key(0))[1]))
  names = ("mlm_loss", "tlm_loss", "masked_accuracy")
  losses = {n: round(float(np.mean([jnp.asarray(row[n]) for row in rows])), 4) for n in names}
  return losses | {"predictions": int(sum(row["predictions"] for row in rows))}


def dual_encoders(work, steps, tatoeba):
  """{run: accuracy with its interval} of the four runs."""
  results = {}
  for data in ("small", "all"):
    for init in ("", work / "stacked" / "model"):
      name = f"dual_encoder_{data}_{'pretrained' if init else 'fresh'}"
      text = config_text(work, data=work / data, stage="dual_encoder", init=init, steps=steps)
      call("train", "--config", text, "--workdir", work / name)
      output = work / name / "evaluation.json"
      if not output.exists():
        call(
          "evaluate",
          "--model",
          work / name / "model",
          "--suite",
          "tatoeba",
          "--data",
          tatoeba,
          "--languages",
          TATOEBA,
          "--output",
          output,
        )
      report = json.loads(output.read_text())
      accuracy = {k: row["accuracy"]["value"] for k, row in report["results"].items()}
      results[name] = {"average": report["average"]["accuracy"], "languages": accuracy}
  return results


if __name__ == "__main__":
  os.environ.setdefault("JAX_PLATFORMS", "cpu")
  main()
