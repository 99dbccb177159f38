"""A training step on a CPU beside plain products of its sizes: how near it comes to the machine.

python benchmarks/cpu_step.py --config experiments/quickstart.py:steps=100

Times each stage's step of the config's run and, in turns with it, what the machine can do: the
products of one layer and their gradients by themselves, on the same number of tokens, by NumPy on
all cores. GFLOP/s are of matrix products alone, counted in the traced step. `launch/local.sh` sets
what a CPU wants: huge pages, and as many simulated devices as cores. To hold a newer machine to
older instructions: XLA_FLAGS=--xla_cpu_max_isa=AVX2 OPENBLAS_CORETYPE=Haswell.
"""

import functools
import math
import os
import statistics
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from labse_jax.base.machine import hardware
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.configs.command_line import load_config
from labse_jax.data.batches.streams import to_devices
from labse_jax.planning.flops import matrix_flops
from labse_jax.train import make_stages

TURNS = 5
STEPS = 3  # In a turn.


def main(argv):
  config, _ = load_config([*argv, "--workdir=unused"], __doc__)
  mesh = make_mesh()
  tokens = math.prod((config.batch_rows, 2, config.length))
  with jax.set_mesh(mesh):
    kinds = {"products of a layer": layer_products(tokens, config.model)}
    for stage in make_stages(config, mesh):
      kinds[f"step, {stage.span.depth} layers"] = step_of(stage, mesh, config)
    seconds = timed_in_turns({name: calls for name, (calls, _) in kinds.items()})
  machine = hardware()
  print(
    f"{machine['processor']}, {machine['cores']} cores, XLA_FLAGS={os.environ.get('XLA_FLAGS')}; "
    f"jax {jax.__version__}; {tokens:,} tokens, {config.dtype}; medians of {TURNS} turns"
  )
  for name, times in seconds.items():
    gflops = kinds[name][1] / 1e9
    median = statistics.median(times)
    print(
      f"{name:<22}{median:8.3f} s ({min(times):.3f} to {max(times):.3f})"
      f"{gflops:9.1f} GFLOP{gflops / median:8.1f} GFLOP/s"
    )


def layer_products(tokens, model):
  """([a function for each product of one layer and of its two gradients], their operations)."""
  calls = []
  flops = 0
  D = model.width
  F = model.mlp_width
  for k, n in ((D, 3 * D), (D, D), (D, F), (F, D)):
    x = np.ones((tokens, k), np.float32)
    w = np.ones((k, n), np.float32)
    y = np.ones((tokens, n), np.float32)
    for a, b in ((x, w), (y, w.T), (x.T, y)):
      calls.append(functools.partial(np.matmul, a, b))
      flops += 2 * tokens * k * n
  return calls, flops


def step_of(stage, mesh, config):
  """([a function that makes one step on the same batch], the step's operations)."""
  state = stage.init(jax.random.key(config.seed))
  state["total"] = jax.device_put(jnp.int32(1_000_000), state["total"].sharding)
  batch = to_devices(next(iter(stage.task.batches())), batch_sharding(mesh))
  key = jax.random.key(config.seed)
  flops = sum(matrix_flops(jax.make_jaxpr(stage.train_step)(state, batch, key)).values())

  def step():
    nonlocal state
    state, _ = stage.train_step(state, batch, key)
    return state

  return [step], flops


def timed_in_turns(kinds):
  """{name: seconds of one round of its calls, in each turn}."""
  seconds = {name: [] for name in kinds}
  for turn in range(1 + TURNS):
    for name, calls in kinds.items():
      began = time.perf_counter()
      for _ in range(STEPS):
        for call in calls:
          jax.block_until_ready(call())
      if turn:  # The first turn compiles.
        seconds[name].append((time.perf_counter() - began) / STEPS)
  return seconds


if __name__ == "__main__":
  main(sys.argv[1:])
