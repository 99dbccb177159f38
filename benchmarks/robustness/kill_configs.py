"""Sixteen small trainings, each with another part of the trainer at work; `kills.py` kills them.

  labse-jax train --workdir W --config benchmarks/robustness/kill_configs.py:name=ring,folder=F

F is what `tiny_folder.make` wrote.
"""

from collections.abc import Callable
import pathlib
from typing import NamedTuple

from labse_jax.base.errors import known
from labse_jax.base.types import Config
from labse_jax.configs.arguments import parse_arg
from tests.support import tiny

STEPS = 18
SAVE_EVERY = 3


class Setup(NamedTuple):
  """A training: what it changes in the plain config, and what it runs on."""

  change: Callable[[Config, pathlib.Path], None]
  devices: int = 1  # Of each process.
  processes: int = 1
  pretraining: bool = False


def gather(config, folder):
  config.exchange = "gather"


def ring(config, folder):
  config.exchange = "ring"


def ring_matryoshka_learned(config, folder):
  config.exchange = "ring"
  config.matryoshka = (16, 8)
  config.learned = ("scale",)


def chunks(config, folder):
  config.chunks = 2


def chunks_ring(config, folder):
  config.chunks = 2
  config.exchange = "ring"


def fsdp(config, folder):
  config.mesh.fsdp = 2
  # Only weights of 16,384 numbers and more are split.
  config.model.vocab_size = 1024


def stacking(config, folder):
  config.stages = ((0, 6), (1, 6), (2, 6))
  config.stacking = dict(moments="copy", schedule="restart")
  config.model.depth = 2
  config.total_steps = 0


def row_sparse(config, folder):
  config.row_sparse = True


def teacher(config, folder):
  config.loss = "soft_contrastive"
  config.loss_options = {}
  config.teacher = dict(model=model_of(folder), labels="average")


def hard_negatives(config, folder):
  config.loss = "hard_negative_ranking"
  config.loss_options = {}
  config.hard_negatives = dict(model=model_of(folder), k=2, every=5, margin=-2.0)


def evals(config, folder):
  config.evals = dict(held_out=dict(type="tatoeba", every=4, data=str(folder / "held_out")))


def frozen_rows(config, folder):
  config.freeze = ("bert/word_embedding:50", "bert/blocks:1")
  config.model.depth = 2


def pretraining(config, folder):
  config.stages = ((1, 9), (2, 9))


def warm_start(config, folder):
  config.init = model_of(folder)
  config.model.depth = 2  # As in the folder.


def one_language_a_batch(config, folder):
  config.exponent = 0.5
  config.homogeneous = True
  config.no_repeats = True


def model_of(folder):
  return str(folder / "model")


SETUPS = {
  "gather": Setup(gather, devices=4),
  "ring": Setup(ring, devices=4),
  "ring_matryoshka_learned": Setup(ring_matryoshka_learned, devices=4),
  "chunks": Setup(chunks),
  "chunks_ring": Setup(chunks_ring, devices=4),
  "fsdp": Setup(fsdp, devices=4),
  "stacking": Setup(stacking, devices=2),
  "row_sparse": Setup(row_sparse, devices=2),
  "teacher": Setup(teacher, devices=2),
  "hard_negatives": Setup(hard_negatives, devices=2),
  "evals": Setup(evals, devices=2),
  "frozen_rows": Setup(frozen_rows),
  "pretraining": Setup(pretraining, devices=2, pretraining=True),
  "warm_start": Setup(warm_start),
  "one_language_a_batch": Setup(one_language_a_batch),
  "two_processes": Setup(gather, processes=2),
}


def get_config(arg=None):
  arg = parse_arg(arg, name="", folder="")
  setup = SETUPS[known("training", arg.name, SETUPS)]
  folder = pathlib.Path(arg.folder)
  make = tiny.pretraining_config if setup.pretraining else tiny.config
  config = make(folder, log_every=1, save_every=SAVE_EVERY)
  if not setup.pretraining:
    config.total_steps = STEPS
    config.model.depth = 1
  config.model.dropout = 0.1
  setup.change(config, folder)
  return config
