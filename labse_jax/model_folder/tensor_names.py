"""How transformers names the tensors of the four architectures, one table for each."""

import dataclasses
import re

TABLE = "embeddings.word_embeddings.weight"
ROWS_INT8 = ("embeddings.word_embeddings.rows_int8", "embeddings.word_embeddings.row_scales")
POOLER = ("pooler.dense.weight", "pooler.dense.bias")


@dataclasses.dataclass(frozen=True)
class Names:
  """How one of transformers' classes names the tensors of a layer and of its masked-LM head."""

  kind: str  # The class is kind + "Model" or kind + "ForMaskedLM".
  prefix: str  # Of the encoder, in a model with a head.
  layer: str
  query_key_value: tuple[str, str, str]
  dense: dict[str, str]  # Ours to theirs.
  norms: dict[str, str]
  head: dict[str, str]


_BERT = Names(
  kind="Bert",
  prefix="bert.",
  layer="encoder.layer.{}.",
  query_key_value=("attention.self.query", "attention.self.key", "attention.self.value"),
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
  query_key_value=("attention.attn.q", "attention.attn.k", "attention.attn.v"),
  dense=_BERT.dense | {"attention_out": "attention.attn.o"},
  norms=_BERT.norms | {"attention_norm": "attention.LayerNorm"},
)
_DISTILBERT = Names(
  kind="DistilBert",
  prefix="distilbert.",
  layer="transformer.layer.{}.",
  query_key_value=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
  dense={"attention_out": "attention.out_lin", "up": "ffn.lin1", "down": "ffn.lin2"},
  norms={"attention_norm": "sa_layer_norm", "mlp_norm": "output_layer_norm"},
  head={
    "transform": "vocab_transform",
    "output_bias": "vocab_projector.bias",
    "norm": "vocab_layer_norm",
  },
)
NAMES = {"bert": _BERT, "distilbert": _DISTILBERT, "mpnet": _MPNET, "xlm-roberta": _XLM_R}
# What may lie beside an encoder and is not part of it: a buffer, the pooler, heads of pretraining.
UNUSED = re.compile(
  r"(\w+\.)?(embeddings\.position_ids|pooler\.dense\.\w+)"
  r"|(cls|lm_head|vocab_\w+)\.[\w.]+"
)
# The first releases of BERT named the tensors of its norms otherwise.
OLD_NAMES = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
