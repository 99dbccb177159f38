"""What the tiny runs of this folder learn from: data, a vocabulary, a model and held-out pairs."""

import contextlib
import os
import pathlib

import jax
import numpy as np

from labse_jax import model_folder
from labse_jax.base.files import replacing_folder
from labse_jax.models import heads
from labse_jax.tokenizer.files import tokenizer_file
from tests.support import tiny

HELD_OUT = "deu"  # The language of the held-out pairs.
SPREAD = 0.3  # The standard deviation of the model's weights.


def make(folder: pathlib.Path) -> None:
  """Writes data/, vocabulary/, model/ and held_out/ into `folder`, unless it is there."""
  if folder.exists():
    return
  with replacing_folder(folder, marker="model") as partial:
    tiny.make(partial)
    write_held_out(partial / "held_out")
    write_model(partial)


def write_model(folder: pathlib.Path) -> None:
  """Writes a model of random weights, of the shape that `tiny.config` trains."""
  config = tiny.config(folder)
  model = config.model.to_dict()
  head = config.head.to_dict()
  module = heads.build(model, head)
  rng = np.random.default_rng(config.seed)
  shapes = jax.eval_shape(lambda: heads.init(module, jax.random.key(0)))
  params = jax.tree.map(lambda x: rng.normal(0, SPREAD, x.shape).astype(np.float32), shapes)
  tokenizer = tokenizer_file(config.tokenizer)
  content = model_folder.ModelFolder(model, head, params, tokenizer, config.length)
  model_folder.write(folder / "model", content)


def write_held_out(folder: pathlib.Path) -> None:
  """Writes made-up translations into a new folder, named as the Tatoeba test set is."""
  folder.mkdir()
  for pair in tiny.pairs(300, seed=5):
    if pair.target_language == HELD_OUT:
      for code, text in ((HELD_OUT, pair.target), ("eng", pair.source)):
        with open(folder / f"tatoeba.{HELD_OUT}-eng.{code}", "a", encoding="utf-8") as file:
          file.write(f"{text}\n")


@contextlib.contextmanager
def quiet():
  """Drops what a run says on stdout."""
  with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
    yield
