"""Every kind of train step that a config can ask of a loss over pairs, and its first losses.

  python -m benchmarks.robustness.step_cases FOLDER LENGTH CASE...

runs the cases one after the other on JAX's devices and prints a JSON line for each. FOLDER is what
`tiny_folder.make` wrote. `compiled_steps.py` starts this file, and so does its test.
"""

from collections.abc import Iterator
import itertools
import json
import os
import pathlib
import sys
from typing import NamedTuple

from absl import flags
import jax
import numpy as np

from benchmarks.robustness import tiny_folder
from labse_jax.base import sharding
from labse_jax.base.errors import InputError
from labse_jax.base.types import Config
from labse_jax.configs.loss_options import defaults, loss_function, pair_losses
from labse_jax.configs.ranges import check_ranges
from labse_jax.data.batches.streams import to_devices
from labse_jax.losses.shared.exchange import EXCHANGES
from labse_jax.tasks.dual_encoder import LEARNABLE, SUBTRACT
from labse_jax.train import make_stages
from tests.support import tiny

SEED = 0
SPREAD = 0.3  # The standard deviation of the weights that a case begins with.
FORCED = "COMPILED_STEPS_FORCED"  # An environment variable: set, it takes the guard back.


class Case(NamedTuple):
  """A loss, and the settings that shape its compiled step."""

  loss: str
  exchange: str
  chunks: int
  matryoshka: bool
  learned: bool

  @property
  def name(self) -> str:
    """The case in one word."""
    words = [self.loss, self.exchange, str(self.chunks)]
    words += ["matryoshka"] * self.matryoshka + ["learned"] * self.learned
    return "-".join(words)


def all_cases() -> Iterator[Case]:
  """The cases of every loss over pairs that the package has."""
  # With the exchange "local" no keys leave their device.
  exchanges = [exchange for exchange in EXCHANGES if exchange != "local"]
  for loss in pair_losses():
    learned = (False, True) if learnable(loss) else (False,)
    for settings in itertools.product(exchanges, (1, 2), (False, True), learned):
      yield Case(loss, *settings)


def learnable(loss: str) -> tuple[str, ...]:
  """The options of a loss that config.learned may name."""
  return tuple(sorted(defaults(loss_function(loss)).keys() & LEARNABLE))


def config_of(case: Case, folder: pathlib.Path) -> Config:
  """A tiny run of the case; a loss has its own default options."""
  model = str(folder / "model")
  config = tiny.config(folder, loss=case.loss, loss_options={}, seed=SEED)
  config.model.depth = 1
  config.batch_rows = 2 * jax.device_count()  # Of which each of two chunks has one a device.
  config.exchange = case.exchange
  config.chunks = case.chunks
  config.matryoshka = (16, 8, 4) if case.matryoshka else ()  # The model's vectors have 16.
  config.learned = learnable(case.loss) if case.learned else ()
  config.teacher = dict(model=model, labels="average")
  if case.loss in SUBTRACT:
    config.teacher = dict(model=model, labels="priority", order=("eng", *tiny.LANGUAGES))
  config.hard_negatives = dict(model=model, k=2, margin=-2.0)
  return config


def losses_of(config: Config, length: int) -> list[float]:
  """The losses of the first `length` steps."""
  mesh = sharding.make_mesh(config.mesh.fsdp)
  check_ranges(config, mesh)
  (stage,) = make_stages(config, mesh)
  with jax.set_mesh(mesh), tiny_folder.quiet():
    batches = iter(stage.task.batches())
    state = first_state(stage.abstract)
    key = jax.random.key(config.seed)
    losses = []
    for _ in range(length):
      batch = to_devices(next(batches), sharding.batch_sharding(mesh))
      state, metrics = stage.train_step(state, batch, key)
      losses.append(float(metrics["loss"]))
  batches.close()
  return losses


def first_state(abstract):
  """A state of random weights, made without a compiled program."""
  rng = np.random.default_rng(SEED)

  def random(leaf):
    return jax.device_put(rng.normal(0, SPREAD, leaf.shape).astype(leaf.dtype), leaf.sharding)

  def zero(leaf):
    return jax.device_put(np.zeros(leaf.shape, leaf.dtype), leaf.sharding)

  state = jax.tree.map(zero, abstract)
  state["params"] = jax.tree.map(random, abstract["params"])
  state["total"] = jax.device_put(np.int32(1000), abstract["total"].sharding)
  return state


def main(argv):
  flags.FLAGS.mark_as_parsed()
  folder, length, *names = argv
  if os.environ.get(FORCED):
    sharding.keep_off_disk = lambda devices: False
  by_name = {case.name: case for case in all_cases()}
  for name in names:
    row = {"case": name}
    try:
      row["losses"] = losses_of(config_of(by_name[name], pathlib.Path(folder)), int(length))
    except InputError as error:
      row["refused"] = str(error)
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
  main(sys.argv[1:])
