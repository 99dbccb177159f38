"""Our parameter tree and transformers' tensors: one table of names, read both ways.

`views` shows our arrays under transformers' names and in the layout of its tensors. Filling the
views reads a model; copying them out writes one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from labse_jax.base.types import Params
from labse_jax.model_folder.tensor_file import Tensors, TensorSource, aligned
from labse_jax.model_folder.tensor_names import (
  OLD_NAMES,
  POOLER,
  ROWS_INT8,
  TABLE,
  UNUSED,
  Names,
)
from labse_jax.models.bert import table_rows


def allocate(model: Mapping[str, Any], *, masked_lm: bool = False) -> Params:
  """Uninitialised parameters of the encoder, and of its head; the table's padding rows are zero."""
  V = model["vocab_size"]
  D = model["width"]
  H = model["heads"]
  bert = {
    "word_embedding": aligned((table_rows(V), D)),
    "position_embedding": aligned((model["positions"], D)),
    "embedding_norm": _empty_norm(D),
    "blocks": _empty_blocks(model),
  }
  bert["word_embedding"][V:] = 0
  if model.get("types", 2):
    bert["type_embedding"] = aligned((model.get("types", 2), D))
  if model.get("relative_buckets"):
    bert["relative"] = {"bias": aligned((model["relative_buckets"], H))}
  if not masked_lm:
    return {"bert": bert}
  head = {
    "transform": {"kernel": aligned((D, D)), "bias": aligned((D,))},
    "norm": _empty_norm(D),
    "output_bias": np.zeros(table_rows(V), np.float32),
  }
  return {"bert": bert, "masked_lm": head}


def _empty_blocks(model):
  """The parameters of all layers; each array's first axis is the layer."""
  N = model["depth"]
  D = model["width"]
  F = model["mlp_width"]
  H = model["heads"]
  K = D // H

  def dense(inputs, outputs):
    return {"kernel": aligned((N, inputs, *outputs)), "bias": aligned((N, *outputs))}

  return {
    "query_key_value": dense(D, (3, H, K)),
    "attention_out": dense(D, (D,)),
    "up": dense(D, (F,)),
    "down": dense(F, (D,)),
    "attention_norm": _empty_norm(N, D),
    "mlp_norm": _empty_norm(N, D),
  }


def _empty_norm(*shape):
  return {"scale": aligned(shape), "bias": aligned(shape)}


def _count(model):
  """About how many values an encoder has."""
  D = model["width"]
  rows = model["vocab_size"] + model["positions"] + model.get("types", 2)
  return D * (rows + model["depth"] * (4 * D + 2 * model["mlp_width"]))


def views(params: Params, model: Mapping[str, Any], names: Names) -> dict[str, np.ndarray]:
  """{transformers' name: a view of our array in its layout}, for all that `params` holds."""
  bert = params["bert"]
  V = model["vocab_size"]
  found = {
    TABLE: bert["word_embedding"][:V],
    "embeddings.position_embeddings.weight": bert["position_embedding"],
  }
  found |= _norm("embeddings.LayerNorm", bert["embedding_norm"])
  if "type_embedding" in bert:
    found["embeddings.token_type_embeddings.weight"] = bert["type_embedding"]
  if "relative" in bert:
    found["encoder.relative_attention_bias.weight"] = bert["relative"]["bias"]
  for n in range(model["depth"]):
    found |= _layer_views(bert["blocks"], n, model["width"], names)
  if "masked_lm" not in params:
    return found
  # A model with a head has its encoder under a prefix; the head itself has none.
  prefixed = {names.prefix + name: view for name, view in found.items()}
  head = params["masked_lm"]
  prefixed |= _dense(names.head["transform"], head["transform"])
  prefixed |= _norm(names.head["norm"], head["norm"])
  prefixed[names.head["output_bias"]] = head["output_bias"][:V]
  return prefixed


def _layer_views(blocks, n, D, names):
  """The views of layer `n`."""
  found = {}
  layer = names.layer.format(n)
  # Ours is one array for query, key and value; transformers has a tensor for each.
  kernel_DcHK = blocks["query_key_value"]["kernel"][n]
  bias_cHK = blocks["query_key_value"]["bias"][n]
  for i, name in enumerate(names.query_key_value):
    found[f"{layer}{name}.weight"] = kernel_DcHK[:, i].reshape(D, D).T
    found[f"{layer}{name}.bias"] = bias_cHK[i].reshape(D)
  for ours, name in names.dense.items():
    leaves = {key: leaf[n] for key, leaf in blocks[ours].items()}
    found |= _dense(layer + name, leaves)
  for ours, name in names.norms.items():
    leaves = {key: leaf[n] for key, leaf in blocks[ours].items()}
    found |= _norm(layer + name, leaves)
  return found


def _dense(name, leaves):
  return {f"{name}.weight": leaves["kernel"].T, f"{name}.bias": leaves["bias"]}


def _norm(name, leaves):
  return {f"{name}.weight": leaves["scale"], f"{name}.bias": leaves["bias"]}


def read(
  tensors: TensorSource, model: Mapping[str, Any], names: Names, *, pretraining: bool = False
) -> tuple[Params, dict[str, np.ndarray]]:
  """Returns (parameters, the encoder's pooler or {}); InputError where the tensors do not fit."""
  masked_lm = pretraining and names.head["output_bias"] in tensors
  tensors.check_size(_count(model))
  params = allocate(model, masked_lm=masked_lm)
  # A model saved with a head, as of masked language modelling, has its encoder under a prefix. The
  # views have the prefix only where the head is read too.
  has_prefix = any(name.startswith(names.prefix) for name in tensors)
  prefix = names.prefix if has_prefix else ""
  for name, view in views(params, model, names).items():
    if masked_lm and not name.startswith(names.prefix):
      tensors.fill(_as_stored(name, tensors), view)
      continue
    name = prefix + name.removeprefix(names.prefix)
    if name == prefix + TABLE and prefix + ROWS_INT8[0] in tensors:
      _fill_from_int8(tensors, prefix, view)
    else:
      tensors.fill(_as_stored(name, tensors), view)
  pooler = _read_pooler(tensors, prefix, model["width"])
  tensors.finish(unused=UNUSED)
  return params, pooler


def _read_pooler(tensors, prefix, D):
  """{name without prefix: tensor} of BERT's own pooler; {} where it is not whole."""
  weight, bias = POOLER
  if prefix + weight not in tensors or prefix + bias not in tensors:
    return {}
  return {
    weight: tensors.fill(prefix + weight, aligned((D, D))),
    bias: tensors.fill(prefix + bias, aligned((D,))),
  }


def stored_as(tensors: Tensors) -> str:
  """float32, float16, bfloat16 or int8_rows: the type that holds every tensor without loss."""
  kinds = set()
  for name in tensors:
    if name.endswith(ROWS_INT8[0]):
      return "int8_rows"
    if not UNUSED.fullmatch(name):
      kinds.add(tensors.dtype(name))
  return kinds.pop() if len(kinds) == 1 else "float32"


def _as_stored(name, tensors):
  """The name by which the file has a tensor: BERT's old one where only that is there."""
  if name in tensors:
    return name
  for new, old in OLD_NAMES.items():
    if name.endswith(new):
      older = name.removesuffix(new) + old
      return older if older in tensors else name
  return name


def _fill_from_int8(tensors, prefix, table_VD):
  """Each row is stored as whole numbers of -127 to 127 and a scale of its own."""
  rows, scales = ROWS_INT8
  scale_V = tensors.fill(prefix + scales, aligned(table_VD.shape[:1]))
  tensors.fill(prefix + rows, table_VD, kinds=("I8",))
  table_VD *= scale_V[:, None]


def quantised(table_VD: np.ndarray) -> dict[str, np.ndarray]:
  """The table as int8 rows and float32 scales, under the names of `ROWS_INT8`."""
  scale_V = np.abs(table_VD).max(1) / np.float32(127)
  rows_VD = np.empty(table_VD.shape, np.int8)
  for first in range(0, len(table_VD), 4096):  # In parts, so that no whole copy is in memory.
    part = slice(first, first + 4096)
    divisor = np.where(scale_V[part] > 0, scale_V[part], 1)  # A row of zeros has no scale.
    rows_VD[part] = np.rint(table_VD[part] / divisor[:, None])
  rows, scales = ROWS_INT8
  return {rows: rows_VD, scales: scale_V}
