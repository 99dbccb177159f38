"""Time and memory of a train step with dense and with row-sparse AdamW, by the table's size.

python benchmarks/row_sparse.py

A dual encoder of three layers of 384, batches of 64 pairs of 32 tokens, float32. One device, as a
small machine has: each of several simulated ones would hold a table and its moments of its own.
Both steps are timed in turns in one process, with huge pages as `launch/` sets them on CPUs.
"""

import os
import statistics
import sys
import time

if "GLIBC_TUNABLES" not in os.environ:  # Read when a process starts.
  os.environ["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"
  os.execv(sys.executable, [sys.executable, *sys.argv])
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=1")

import jax
import jax.numpy as jnp
import numpy as np

from labse_jax import train
from labse_jax.base.sharding import make_mesh
from labse_jax.configs.command_line import load_config
from labse_jax.tasks.dual_encoder import Task
from labse_jax.training import optim, optimizers, stacking

SIZES = (32_000, 250_000, 501_153)
REPEATS = 5


def make_task(vocab_size):
  """The quickstart's task with a larger model."""
  words = ["--config", "experiments/quickstart.py:one_stage,steps=1000", "--workdir", "unused"]
  config = load_config(words)[0]
  config.model.update(vocab_size=vocab_size, width=384, heads=6, mlp_width=1536)
  config.length = 32
  config.slots = 1
  config.batch_rows = 64
  return Task(config)


def random_batch(task, rng):
  """Sentences that fill their rows, of words as frequent as Zipf has it."""
  shapes = task.batch_shapes()
  batch = {name: np.zeros(x.shape, x.dtype) for name, x in shapes.items()}
  V = task.model["vocab_size"]
  tokens = shapes["tokens"].shape
  batch["tokens"] = np.int32(V ** rng.random(tokens)) - 1
  batch["segments"][:] = 1
  batch["mask"][:] = True
  batch["positions"][:] = np.arange(tokens[-1])
  batch["ids"][:] = rng.integers(2**32, size=batch["ids"].shape, dtype=np.uint32)
  return batch


def prepare(task, mesh, optimizer):
  """(compiled step, state, settle) of the trainer's own."""
  schedule = stacking.Schedule(0, None, task.config.schedule.to_dict())
  abstract, init = train.make_state(task, optimizer, mesh)
  state = init(jax.random.key(0))
  state["total"] = jnp.int32(1000)
  step = train.make_train_step(task, optimizer, abstract, schedule)
  compiled = step.lower(abstract, task.batch_shapes(), jax.random.key(1)).compile()
  settle = optimizer.make_settle(abstract, lambda state: optim.rate_of(state, schedule))
  return compiled, state, settle


def measure(vocab_size, mesh):
  """Prints a line for each of the two, and returns nothing."""
  task = make_task(vocab_size)
  rng = np.random.default_rng(0)
  key = jax.random.key(1)
  options = task.config.optim.to_dict()
  forms = {"dense": optimizers.Dense, "row-sparse": optimizers.RowSparse}
  runs = {name: prepare(task, mesh, form(options)) for name, form in forms.items()}
  states = {name: state for name, (_, state, _) in runs.items()}
  times = {name: [] for name in runs}
  distinct = []
  for repeat in range(2 + REPEATS):
    batch = jax.device_put(random_batch(task, rng))
    distinct.append(np.unique(batch["tokens"]).size)
    for name, (step, *_) in runs.items():
      start = time.perf_counter()
      states[name], metrics = step(states[name], batch, key)
      jax.block_until_ready((states[name], metrics))
      if repeat > 1:
        times[name].append(time.perf_counter() - start)
  settle = runs["row-sparse"][2]
  jax.block_until_ready(settle(states["row-sparse"]))
  start = time.perf_counter()
  settled = jax.block_until_ready(settle(states["row-sparse"]))
  settle_time = time.perf_counter() - start
  wrong = jax.tree.map(lambda a, b: jnp.abs(a - b).max(), settled, states["dense"]["params"])
  for name, (step, *_) in runs.items():
    memory = step.memory_analysis()
    total = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    print(
      f"| {vocab_size:,} | {name} | {statistics.median(times[name]):.2f} "
      f"({min(times[name]):.2f} to {max(times[name]):.2f}) | "
      f"{memory.temp_size_in_bytes / 1e6:,.0f} | {total / 1e6:,.0f} |",
      flush=True,
    )
  print(
    f"  {statistics.median(distinct):,.0f} distinct ids a batch; to settle all rows once "
    f"{settle_time:.2f} s; after {2 + REPEATS} steps weights differ by at most "
    f"{max(map(float, jax.tree.leaves(wrong))):.1e}.",
    flush=True,
  )


def main():
  print(
    f"jax {jax.__version__}, {jax.device_count()} {jax.devices()[0].device_kind} device, "
    f"{os.cpu_count()} cores; medians of {REPEATS} turns (lowest to highest)"
  )
  print("| table rows | AdamW | s a step | MB temporary | MB with the state |")
  print("|---|---|---|---|---|")
  mesh = make_mesh()
  with jax.set_mesh(mesh):
    for vocab_size in SIZES:
      measure(vocab_size, mesh)


if __name__ == "__main__":
  main()
