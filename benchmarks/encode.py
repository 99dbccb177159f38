"""Sentences a second of labse_jax beside the field's other ways to run the same model folder.

python benchmarks/encode.py --model FOLDER --text FILE... [--base] [--output FILE.json]

The others are sentence-transformers as it comes, torch in bfloat16, ONNX Runtime (float32, dynamic
int8) and OpenVINO (float32, bfloat16), where they are installed. Each runs in a process of its own.
All encode the same lines in turns, and tokenisation counts. The others take the best of batches of
8, 32 and 128 sentences, which two turns before find out. On Linux each sample also says how many
cores other processes used meanwhile: a sample with more than 0.3 is dropped, and the turns go on
until all have their samples. `cosine` is the lowest, over all lines, to the vectors of
sentence-transformers. --base replaces the model by one of BERT-base's shape with random weights
and the folder's tokenizer.
"""

import argparse
import contextlib
import importlib.metadata
import json
import multiprocessing
import os
import pathlib
import platform
import statistics
import sys
import tempfile

from contenders import CONTENDERS, export_onnx, missing, serve
import numpy as np

from labse_jax.base.errors import InputError, run
from labse_jax.base.files import read_lines, write_json

BATCH_SIZES = (8, 32, 128)
REFERENCE = "sentence-transformers"
MOST_OTHER = 0.3  # Cores; above it torch alone loses up to ten times its speed.
TURNS = 4  # At most so many times the samples that are asked for.
PACKAGES = (
  "labse_jax",
  "jax",
  "torch",
  "transformers",
  "sentence-transformers",
  "tokenizers",
  "onnxruntime",
  "openvino",
)
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
BASE = {
  "width": 768,
  "depth": 12,
  "heads": 12,
  "mlp_width": 3072,
  "positions": 512,
  "types": 2,
  "dropout": 0.1,
  "attention_dropout": 0.1,
  "epsilon": 1e-12,
  "activation": "gelu",
}


class Worker:
  """A contender in its own process; `ask` returns what it answers."""

  def __init__(self, name, folder, scratch):
    self.name = name
    self.batch_size = None
    self.samples = []
    context = multiprocessing.get_context("spawn")
    self.pipe, theirs = context.Pipe()
    arguments = (name, folder, scratch, theirs)
    self.process = context.Process(target=serve, args=arguments, daemon=True)
    self.process.start()
    theirs.close()  # So that reading ends with an error, and does not wait, when the worker dies.
    self.load_seconds = self._answer()

  def ask(self, what, lines, batch_size=None):
    self.pipe.send((what, lines, batch_size or self.batch_size))
    return self._answer()

  def close(self):
    self.pipe.send(None)
    self.process.join()

  def _answer(self):
    try:
      return self.pipe.recv()
    except EOFError:
      raise RuntimeError(f"{self.name} ended; what it said is above.") from None

  def screen(self, lines):
    """Notes the fastest batch size; our own batches are fixed."""
    ours = self.name.startswith("labse_jax")
    sizes = (None,) if ours else BATCH_SIZES
    self.first_seconds = self.ask("time", lines, sizes[0])["seconds"]
    seconds = {}
    for size in sizes:
      seconds[size] = min(self.ask("time", lines, size)["seconds"] for _ in range(2))
    self.batch_size = min(seconds, key=seconds.get)
    self.screened = {str(size): len(lines) / seconds[size] for size in sizes}


def mixed_lines(paths, count):
  """`count` lines, one of each file in turn; empty ones are left out."""
  chosen = []
  readers = [_full_lines(path) for path in paths]
  while readers and len(chosen) < count:
    for reader in list(readers):
      line = next(reader, None)
      if line is None:
        readers.remove(reader)
      else:
        chosen.append(line)
  if len(chosen) < count:
    raise InputError(f"--text has {len(chosen):,} lines; --lines {count:,} are needed.")
  return chosen[:count]


def _full_lines(path):
  for _, line in read_lines(path):
    if line.strip():
      yield line


def write_base(folder, output):
  """A folder of BERT-base's shape with random weights and the tokenizer of `folder`."""
  import jax

  from labse_jax import model_folder
  from labse_jax.models import heads
  from labse_jax.tokenizer.tokenizer import Tokenizer

  content = model_folder.describe(folder)
  content.model = {**BASE, "vocab_size": len(Tokenizer(content.tokenizer_file))}
  content.head = {"pooling": "mean", "dense": 0, "normalize": True}
  content.params = jax.device_get(
    heads.init(heads.build(content.model, content.head), jax.random.key(0))
  )
  model_folder.write(output, content)


def in_a_process(function, *arguments):
  """Runs what would else fill this process with threads and memory."""
  process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
  process.start()
  process.join()
  if process.exitcode:
    raise RuntimeError(f"{function.__name__} failed; what it said is above.")


def turns(workers, lines, wanted):
  """Samples of all workers in turns, until each has `wanted` clean ones."""
  for turn in range(TURNS * wanted):
    for worker in workers:
      worker.samples.append(worker.ask("time", lines))
    counts = [len(clean(worker.samples)) for worker in workers]
    if min(counts) >= wanted:
      break
    print(f"turn {turn + 1}: {counts} clean", flush=True)


def clean(samples):
  """Those that other processes did not disturb; all where that cannot be known."""
  return [sample for sample in samples if not sample["other"] > MOST_OTHER]


def summary(worker, lines):
  """One contender's numbers; its sentences/s are of clean samples, or of all if it has none."""
  samples = clean(worker.samples) or worker.samples
  speeds = [len(lines) / sample["seconds"] for sample in samples]
  return {
    "batch_size": worker.batch_size,
    "sentences_per_second": statistics.median(speeds),
    "lowest": min(speeds),
    "highest": max(speeds),
    "clean": len(clean(worker.samples)),
    "samples": worker.samples,
    "screened": worker.screened,
    "one_sentence_ms": 1000 * worker.ask("latency", lines[:1]),
    "load_seconds": worker.load_seconds,
    "first_seconds": worker.first_seconds,
  }


def lowest_cosine(x_ND, y_ND):
  """The lowest cosine of row N of one and row N of the other, in float64."""
  x_ND = np.float64(x_ND)
  y_ND = np.float64(y_ND)
  dot_N = np.einsum("nd,nd->n", x_ND, y_ND)
  cosine_N = dot_N / np.linalg.norm(x_ND, axis=1) / np.linalg.norm(y_ND, axis=1)
  return float(cosine_N.min())


def machine():
  """What the numbers depend on besides the code."""
  info = _cpu_info()
  flags = info.get("flags", "").split()
  versions = {}
  for package in PACKAGES:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
      versions[package] = importlib.metadata.version(package)
  return {
    "cpu": info.get("model name", platform.processor()),
    "cpu_family": info.get("cpu family"),
    "cpu_model": info.get("model"),
    "cores": os.cpu_count(),
    "load": os.getloadavg(),
    "instructions": [name for name in INSTRUCTIONS if name in flags],
    "GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", ""),
    "versions": versions,
  }


def _cpu_info():
  """What Linux says of the first core; {} elsewhere."""
  if sys.platform != "linux":
    return {}
  info = {}
  first_core = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0]
  for line in first_core.splitlines():
    name, colon, value = line.replace("\t", "").partition(": ")
    if colon:
      info[name] = value
  return info


def table(results):
  """The lines of a Markdown table, with the ratio to sentence-transformers."""
  reference = results.get(REFERENCE, {}).get("sentences_per_second")
  yield (
    "| encoder | batch | sentences/s | to sentence-transformers | clean samples | "
    "one sentence, ms | load and first call, s | lowest cosine |"
  )
  yield "|---|---|---|---|---|---|---|---|"
  for name, result in results.items():
    speed = result["sentences_per_second"]
    cells = [
      name,
      str(result["batch_size"] or "its own"),
      f"{speed:,.0f} ({result['lowest']:,.0f} to {result['highest']:,.0f})",
      f"{speed / reference:.2f}" if reference else "",
      f"{result['clean']} of {len(result['samples'])}",
      f"{result['one_sentence_ms']:.1f}",
      f"{result['load_seconds']:.1f} + {result['first_seconds']:.1f}",
      f"{result['cosine']:.6f}" if "cosine" in result else "",
    ]
    yield f"| {' | '.join(cells)} |"


def compare(folder, lines, names, wanted, scratch):
  """{contender: its numbers}, all measured in turns on the same lines."""
  if any("onnx" in CONTENDERS[name][1] for name in names):
    in_a_process(export_onnx, folder, scratch, "ONNX Runtime int8" in names)
  workers = [Worker(name, folder, scratch) for name in names]
  vectors = {}
  for worker in workers:
    worker.screen(lines)
    vectors[worker.name] = worker.ask("vectors", lines)
    print(f"{worker.name}: {worker.screened}", flush=True)
  turns(workers, lines, wanted)
  results = {worker.name: summary(worker, lines) for worker in workers}
  for worker in workers:
    worker.close()
  if REFERENCE in results:
    for name, result in results.items():
      result["cosine"] = lowest_cosine(vectors[name], vectors[REFERENCE])
  return results


def main(argv):
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--model", required=True, type=pathlib.Path)
  parser.add_argument("--text", required=True, nargs="+", help="a sentence a line; taken in turn")
  parser.add_argument("--lines", type=int, default=1000)
  parser.add_argument("--samples", type=int, default=5, help="clean ones of each contender")
  parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
  parser.add_argument("--base", action="store_true", help="BERT-base's shape, random weights")
  parser.add_argument("--output", help="a JSON file")
  args = parser.parse_args(argv)
  lines = mixed_lines(args.text, args.lines)
  for name in args.only:
    if missing(name):
      print(f"{name}: left out; not installed: {', '.join(missing(name))}")
  names = [name for name in args.only if not missing(name)]
  about = machine()
  with tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    folder = args.model
    os.environ["XDG_CACHE_HOME"] = str(scratch)  # The first call compiles, as on a new machine.
    if args.base:
      folder = scratch / "base"
      in_a_process(write_base, args.model, folder)
    results = compare(folder, lines, names, args.samples, scratch)
  about = {
    "model": "BERT-base, random weights" if args.base else args.model.name,
    "lines": len(lines),
    **about,
  }
  print(json.dumps(about))
  print("\n".join(table(results)))
  if args.output:
    write_json(args.output, {**about, "results": results}, indent=1)


if __name__ == "__main__":
  run(main)
