"""The encoder that is measured: BERT-base's shape, or a tiny one, with random weights."""

import pathlib

import jax

from labse_jax import model_folder
from labse_jax.models import heads
from labse_jax.tokenizer.files import tokenizer_file
from sections.packed import VOCABULARY, tokenizer
from sections.places import SMALL, WORK

BASE = dict(width=768, depth=12, heads=12, mlp_width=3_072)
TINY = dict(width=64, depth=2, heads=4, mlp_width=128)
HEAD = dict(pooling="mean", dense=0)
MAX_LENGTH = 128


def shape() -> dict:
  """The `model` section of a config. Without dropout: two runs of a step are then the same."""
  size = TINY if SMALL else BASE
  rest = dict(positions=512, types=2, epsilon=1e-12, activation="gelu")
  rest |= dict(dropout=0.0, attention_dropout=0.0)
  return dict(vocab_size=len(tokenizer()), **size, **rest)


def folder() -> pathlib.Path:
  """The model's folder; written by the first section that asks."""
  path = WORK / "model"
  if not path.exists():
    module = heads.build(shape(), HEAD)
    params = jax.device_get(heads.init(module, jax.random.key(0)))
    content = model_folder.ModelFolder(
      shape(), HEAD, params, tokenizer_file(VOCABULARY), MAX_LENGTH
    )
    model_folder.write(path, content)
  return path
