"""Seconds and memory of exact search, beside faiss IndexFlatIP where it is installed.

python benchmarks/search.py [--count 50000 --width 768 --k 4 --runs 3]

Each search runs in a process of its own, in turns, over the same random unit vectors, of which
every query has a noisy copy among the candidates. faiss asks OpenBLAS, which does not know every
processor: OPENBLAS_CORETYPE says which kernels to use, by the instructions there are. Prints a
table in Markdown: the (lower) median of the runs, the processor time of that run, memory beyond the
vectors before the search, and the share of neighbours that are those of the first row.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

FAISS = "faiss IndexFlatIP"
OURS = {
  f"{said}, {dtype}": (function, dtype)
  for dtype in ("float32", "bfloat16", "int8")
  for said, function in (("one direction", "top_k"), ("both directions", "top_k_both"))
}


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  for name, default in (("count", 50_000), ("width", 768), ("k", 4), ("runs", 3)):
    parser.add_argument(f"--{name}", type=int, default=default)
  parser.add_argument("--worker", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.worker:
    print(json.dumps(measure(args.worker[0], pathlib.Path(args.worker[1]), args.k)))
    return
  with tempfile.TemporaryDirectory() as folder:
    write_vectors(pathlib.Path(folder), args.count, args.width)
    found = {name: [] for name in (FAISS, *OURS)}
    for _ in range(args.runs):
      for name, runs in found.items():
        runs.append(in_a_process(name, folder, args.k))
    print(table(found, pathlib.Path(folder)))


def write_vectors(folder, count, width):
  """x.npy and y.npy; each row of y is near one of x."""
  rng = np.random.default_rng(0)
  x_ND = rng.normal(size=(count, width)).astype(np.float32)
  y_ND = x_ND[rng.permutation(count)] + 0.5 * rng.normal(size=(count, width)).astype(np.float32)
  for name, z_ND in (("x", x_ND), ("y", y_ND)):
    np.save(folder / name, z_ND / np.linalg.norm(z_ND, axis=1, keepdims=True))


def in_a_process(name, folder, k):
  """What `measure` gives; None where faiss is not installed."""
  command = [sys.executable, __file__, "--worker", name, folder, "--k", str(k)]
  environment = os.environ | {
    "OPENBLAS_CORETYPE": kernels(),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "XLA_FLAGS": "--xla_force_host_platform_device_count=1",
  }
  done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
  return json.loads(done.stdout)


def kernels():
  """OpenBLAS's name of the kernels for this processor's instructions."""
  path = pathlib.Path("/proc/cpuinfo")
  return "SkylakeX" if path.exists() and "avx512f" in path.read_text() else "Haswell"


def measure(name, folder, k):
  """Seconds, processor seconds and MiB of a second search; the first one compiles."""
  x_ND, y_ND = (np.load(folder / f"{side}.npy") for side in ("x", "y"))
  search = faiss_search(y_ND, k) if name == FAISS else our_search(name, y_ND, k)
  if search is None:
    return None
  before = peak_mb()
  search(x_ND)
  wall = time.perf_counter()
  processor = time.process_time()
  ids_NK = search(x_ND)
  seconds = {"seconds": time.perf_counter() - wall, "processor": time.process_time() - processor}
  np.save(folder / f"{name}.npy", ids_NK)
  return seconds | {"megabytes": peak_mb() - before}


def peak_mb():
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def faiss_search(y_ND, k):
  try:
    import faiss
  except ImportError:
    return None
  index = faiss.IndexFlatIP(y_ND.shape[1])
  index.add(y_ND)
  return lambda x_ND: index.search(x_ND, k)[1]


def our_search(name, y_ND, k):
  from labse_jax.neighbours import exact

  function, dtype = OURS[name]
  find = getattr(exact, function)
  if function == "top_k":
    return lambda x_ND: find(x_ND, y_ND, k, dtype=dtype)[1]
  return lambda x_ND: find(x_ND, y_ND, k, dtype=dtype)[0][1]


def table(found, folder):
  lines = ["| search | s | processor s | MiB | same neighbours |", "|---|---|---|---|---|"]
  found = {
    name: sorted(runs, key=lambda row: row["seconds"])
    for name, runs in found.items()
    if None not in runs
  }
  first = np.load(folder / f"{next(iter(found))}.npy")
  for name, runs in found.items():
    row = runs[(len(runs) - 1) // 2]
    same = (np.load(folder / f"{name}.npy") == first).mean()
    lines.append(
      f"| {name} | {row['seconds']:.2f} | {row['processor']:.2f} "
      f"| {row['megabytes']:,.0f} | {same:.6f} |"
    )
  return "\n".join(lines)


if __name__ == "__main__":
  main()
