"""The rows of a model's word table: some are kept, or new ones are added."""

from collections.abc import Sequence
import dataclasses
import pathlib
import shutil
import tempfile
from typing import Any

import numpy as np

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.model_folder import ModelFolder, transformers_config, weights
from labse_jax.model_folder.tensor_names import NAMES
from labse_jax.models.bert import table_rows
from labse_jax.surgery import tokenizer_edits
from labse_jax.tokenizer.tokenizer import Tokenizer

BESIDE = ("tokenizer_config.json", "special_tokens_map.json")  # They name the special tokens.
WEIGHT = {"float32": 4, "float16": 2, "bfloat16": 2, "int8_rows": 4}  # Bytes of one weight.
HEADER = 160  # The most bytes of a safetensors file's header for one tensor.


def tokenizer_of(content: ModelFolder) -> Tokenizer:
  """The ModelFolder's Tokenizer; raises InputError where it has an id without a row."""
  tokenizer = Tokenizer(content.tokenizer_file)
  rows = content.model["vocab_size"]
  last = max(tokenizer.backend.get_vocab().values())
  if last >= rows:
    raise InputError(f"{tokenizer.path}: has the ids 0 to {last:,}, the model has {rows:,} rows.")
  return tokenizer


def cut(content: ModelFolder, kept: np.ndarray) -> ModelFolder:
  """The ModelFolder with only the rows `kept`, ids in ascending order."""

  def fill(rows, out):
    np.take(rows, kept, 0, out, mode="clip")  # Only this mode writes into `out` without a copy.

  return _with_rows(content, len(kept), fill)


def grow(content: ModelFolder, first: int, parts: Sequence[list[int]]) -> ModelFolder:
  """The ModelFolder with a row for each of `parts` from row `first` on: the mean of its ids' rows.

  Rows before `first` stay as they are.
  """

  def fill(rows, out):
    out[:first] = rows[:first]
    for n, ids in enumerate(parts, first):
      out[n] = rows[ids].mean(0)

  return _with_rows(content, first + len(parts), fill)


def _with_rows(content, count, fill):
  """The ModelFolder with `count` rows, which fill(old rows, new rows) writes.

  The table has such rows, and so has the bias of the masked-LM head where there is one.
  """

  def changed(leaves, name):
    rows = np.asarray(leaves[name])
    out = np.zeros((table_rows(count), *rows.shape[1:]), np.float32)
    fill(rows, out[:count])
    return leaves | {name: out}

  params = dict(content.params)
  params["bert"] = changed(params["bert"], "word_embedding")
  if "masked_lm" in params:
    params["masked_lm"] = changed(params["masked_lm"], "output_bias")
  return dataclasses.replace(content, model=content.model | {"vocab_size": count}, params=params)


def byte_counts(content: ModelFolder) -> tuple[int, int]:
  """Returns (most bytes of model.safetensors without the table's rows, bytes that a row adds)."""
  model = content.model
  size = WEIGHT[content.dtype]
  names = NAMES[transformers_config.model_type(model)]
  tensors = [*weights.views(content.params, model, names).values(), *content.pooler.values()]
  if not content.pooler:
    tensors += content.params.get("dense", {}).values()  # It may be written as BERT's pooler.
  # A row is one of the table and, with a masked-LM head, a value of its bias.
  has_bias = "masked_lm" in content.params
  values = sum(tensor.size for tensor in tensors)
  body = size * (values - model["vocab_size"] * (model["width"] + has_bias))
  row = size * model["width"]
  if content.dtype == "int8_rows":
    row = model["width"] + 4  # A byte for each value, and a float32 scale.
  if has_bias:
    row += size
  return body + HEADER * (len(tensors) + 2), row


def write(path: PathLike, content: ModelFolder, tokenizer: dict[str, Any]) -> None:
  """Writes the ModelFolder with another tokenizer.json, given as its content."""
  with tempfile.TemporaryDirectory() as folder:
    scratch = pathlib.Path(folder)
    for name in BESIDE:
      old = content.tokenizer_file.with_name(name)
      if old.is_file():
        shutil.copyfile(old, scratch / name)
    file = scratch / "tokenizer.json"
    tokenizer_edits.save(tokenizer, file)
    model_folder.write(path, dataclasses.replace(content, tokenizer_file=file))
