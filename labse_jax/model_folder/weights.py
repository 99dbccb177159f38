"""Our parameter tree and Hugging Face's tensors: one table of names, read both ways.

`views` shows our arrays under the names and in the layout of the tensors of transformers: filling
the views reads a model, copying them out writes one.
"""

import dataclasses
import re

import numpy as np

from labse_jax.model_folder.tensor_file import aligned
from labse_jax.models.bert import table_rows

TABLE = "embeddings.word_embeddings.weight"
ROWS_INT8 = ("embeddings.word_embeddings.rows_int8", "embeddings.word_embeddings.row_scales")
POOLER = ("pooler.dense.weight", "pooler.dense.bias")


@dataclasses.dataclass(frozen=True)
class Names:
  """How one of transformers' classes names the tensors of a layer and of its masked-LM head."""

  kind: str  # The class is kind + "Model" or kind + "ForMaskedLM".
  prefix: str  # Of the encoder, in a model with a head.
  layer: str
  query_key_value: tuple
  dense: dict  # Ours to theirs.
  norms: dict
  head: dict


_BERT = Names(
  kind="Bert",
  prefix="bert.",
  layer="encoder.layer.{}.",
  query_key_value=tuple(f"attention.self.{name}" for name in ("query", "key", "value")),
  dense={
    "attention_out": "attention.output.dense",
    "up": "intermediate.dense",
    "down": "output.dense",
  },
  norms={"attention_norm": "attention.output.LayerNorm", "mlp_norm": "output.LayerNorm"},
  head={
    "transform": "cls.predictions.transform.dense",
    "output_bias": "cls.predictions.bias",
    "norm": "cls.predictions.transform.LayerNorm",
  },
)
_XLM_R = dataclasses.replace(
  _BERT,
  kind="XLMRoberta",
  prefix="roberta.",
  head={"transform": "lm_head.dense", "output_bias": "lm_head.bias", "norm": "lm_head.layer_norm"},
)
_MPNET = dataclasses.replace(
  _XLM_R,
  kind="MPNet",
  prefix="mpnet.",
  query_key_value=tuple(f"attention.attn.{name}" for name in "qkv"),
  dense=_BERT.dense | {"attention_out": "attention.attn.o"},
  norms=_BERT.norms | {"attention_norm": "attention.LayerNorm"},
)
_DISTILBERT = Names(
  kind="DistilBert",
  prefix="distilbert.",
  layer="transformer.layer.{}.",
  query_key_value=tuple(f"attention.{name}_lin" for name in "qkv"),
  dense={"attention_out": "attention.out_lin", "up": "ffn.lin1", "down": "ffn.lin2"},
  norms={"attention_norm": "sa_layer_norm", "mlp_norm": "output_layer_norm"},
  head={
    "transform": "vocab_transform",
    "output_bias": "vocab_projector.bias",
    "norm": "vocab_layer_norm",
  },
)
NAMES = {"bert": _BERT, "distilbert": _DISTILBERT, "mpnet": _MPNET, "xlm-roberta": _XLM_R}
# What may lie beside an encoder and is not of it: a buffer, the pooler, the heads of pretraining.
UNUSED = re.compile(
  r"(\w+\.)?(embeddings\.position_ids|pooler\.dense\.\w+)"
  r"|(cls|lm_head|vocab_\w+)\.[\w.]+"
)
OLD_NAMES = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


def allocate(model, *, masked_lm=False):
  """Uninitialised parameters of the encoder, and of its head; the table's padding is zero."""
  N, D, F, H = (model[key] for key in ("depth", "width", "mlp_width", "heads"))
  V, P, K = model["vocab_size"], model["positions"], D // H

  def dense(*shape, out):
    return {"kernel": aligned((N, *shape, *out)), "bias": aligned((N, *out))}

  def norm(*shape):
    return {"scale": aligned((*shape, D)), "bias": aligned((*shape, D))}

  bert = {
    "word_embedding": aligned((table_rows(V), D)),
    "position_embedding": aligned((P, D)),
    "embedding_norm": norm(),
    "blocks": {
      "query_key_value": dense(D, out=(3, H, K)),
      "attention_out": dense(D, out=(D,)),
      "up": dense(D, out=(F,)),
      "down": dense(F, out=(D,)),
      "attention_norm": norm(N),
      "mlp_norm": norm(N),
    },
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
    "norm": norm(),
    "output_bias": np.zeros(table_rows(V), np.float32),
  }
  return {"bert": bert, "masked_lm": head}


def _count(model):
  """About how many values an encoder has."""
  D, F, N = model["width"], model["mlp_width"], model["depth"]
  rows = model["vocab_size"] + model["positions"] + model.get("types", 2)
  return D * (rows + N * (4 * D + 2 * F))


def views(params, model, names):
  """{transformers' name: a view of our array in its layout}, for all that `params` holds."""
  bert, D = params["bert"], model["width"]
  found = {
    TABLE: bert["word_embedding"][: model["vocab_size"]],
    "embeddings.position_embeddings.weight": bert["position_embedding"],
    **_norm("embeddings.LayerNorm", bert["embedding_norm"]),
  }
  if "type_embedding" in bert:
    found["embeddings.token_type_embeddings.weight"] = bert["type_embedding"]
  if "relative" in bert:
    found["encoder.relative_attention_bias.weight"] = bert["relative"]["bias"]
  blocks = bert["blocks"]
  for n in range(model["depth"]):
    layer = names.layer.format(n)

    def at(leaves, n=n):
      return {key: leaf[n] for key, leaf in leaves.items()}

    for i, name in enumerate(names.query_key_value):
      kernel, bias = blocks["query_key_value"]["kernel"], blocks["query_key_value"]["bias"]
      found[f"{layer}{name}.weight"] = kernel[n, :, i].reshape(D, D).T
      found[f"{layer}{name}.bias"] = bias[n, i].reshape(D)
    for ours, name in names.dense.items():
      found |= _dense(layer + name, at(blocks[ours]))
    for ours, name in names.norms.items():
      found |= _norm(layer + name, at(blocks[ours]))
  if "masked_lm" not in params:
    return found
  head = params["masked_lm"]
  return (
    {names.prefix + name: view for name, view in found.items()}
    | _dense(names.head["transform"], head["transform"])
    | _norm(names.head["norm"], head["norm"])
    | {names.head["output_bias"]: head["output_bias"][: model["vocab_size"]]}
  )


def _dense(name, leaves):
  return {f"{name}.weight": leaves["kernel"].T, f"{name}.bias": leaves["bias"]}


def _norm(name, leaves):
  return {f"{name}.weight": leaves["scale"], f"{name}.bias": leaves["bias"]}


def read(tensors, model, names, *, pretraining=False):
  """(parameters, the encoder's pooler or {}) of a `Tensors`; raises for one that does not fit."""
  masked_lm = pretraining and names.head["output_bias"] in tensors
  tensors.check_size(_count(model))
  params = allocate(model, masked_lm=masked_lm)
  # A model with a head, as of masked language modelling, has its encoder under a prefix.
  prefix = names.prefix if any(name.startswith(names.prefix) for name in tensors) else ""
  for name, view in views(params, model, names).items():
    inside = not masked_lm or name.startswith(names.prefix)
    name = prefix + name.removeprefix(names.prefix) if inside else name
    if inside and name.endswith(TABLE) and prefix + ROWS_INT8[0] in tensors:
      _fill_from_int8(tensors, prefix, view)
    else:
      tensors.fill(_as_stored(name, tensors), view)
  pooler = {}
  if all(prefix + name in tensors for name in POOLER):
    D = model["width"]
    for name, shape in zip(POOLER, [(D, D), (D,)], strict=True):
      pooler[name] = tensors.fill(prefix + name, aligned(shape))
  tensors.finish(unused=lambda name: UNUSED.fullmatch(name))
  return params, pooler


def stored_as(tensors):
  """float32, float16, bfloat16 or int8_rows: what holds each of the tensors without loss."""
  if any(name.endswith(ROWS_INT8[0]) for name in tensors):
    return "int8_rows"
  kinds = {tensors.dtype(name) for name in tensors if not UNUSED.fullmatch(name)}
  return kinds.pop() if len(kinds) == 1 else "float32"


def _as_stored(name, tensors):
  """As the first releases of BERT called it, where they did."""
  for new, old in OLD_NAMES.items():
    if name.endswith(new) and name not in tensors:
      older = name.removesuffix(new) + old
      return older if older in tensors else name
  return name


def _fill_from_int8(tensors, prefix, table_VD):
  """Each row was stored as whole numbers up to 127 times a scale of its own."""
  rows, scales = (prefix + name for name in ROWS_INT8)
  scale_V = tensors.fill(scales, aligned(table_VD.shape[:1]))
  tensors.fill(rows, table_VD, kinds=("I8",))
  table_VD *= scale_V[:, None]


def quantised(table_VD):
  """The table as int8 rows and float32 scales, under the names of `ROWS_INT8`."""
  scale_V = np.abs(table_VD).max(1) / np.float32(127)
  rows_VD = np.empty(table_VD.shape, np.int8)
  for first in range(0, len(table_VD), 4096):
    part = slice(first, first + 4096)
    rows_VD[part] = np.rint(table_VD[part] / np.where(scale_V[part] > 0, scale_V[part], 1)[:, None])
  return dict(zip(ROWS_INT8, (rows_VD, scale_V), strict=True))
