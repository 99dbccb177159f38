"""Our parameter tree and Hugging Face's tensors: the table of names, and the file they lie in."""

import re

import numpy as np
from safetensors import SafetensorError, safe_open

from labse_jax.errors import InputError
from labse_jax.models.bert import table_rows

TABLES = {  # The tensors outside the layers: ours, Hugging Face's.
  ("word_embedding",): "embeddings.word_embeddings.weight",
  ("position_embedding",): "embeddings.position_embeddings.weight",
  ("type_embedding",): "embeddings.token_type_embeddings.weight",
  ("embedding_norm", "scale"): "embeddings.LayerNorm.weight",
  ("embedding_norm", "bias"): "embeddings.LayerNorm.bias",
}
LAYER_DENSE = {
  "attention_out": "attention.output.dense",
  "up": "intermediate.dense",
  "down": "output.dense",
}
LAYER_NORMS = {
  "attention_norm": "attention.output.LayerNorm",
  "mlp_norm": "output.LayerNorm",
}
QUERY_KEY_VALUE = [f"attention.self.{name}" for name in ("query", "key", "value")]
MASKED_LM = "cls.predictions."
# Not part of the encoder: a buffer, BERT's own pooler, the heads of pretraining.
UNUSED = re.compile(r"(bert\.)?(embeddings\.position_ids|pooler\.dense\.\w+)|cls\..+")
OLD_NAMES = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


def bert_to_tensors(params, model):
  """Our BERT parameters as Hugging Face's flat dictionary of tensors."""
  tensors = {}
  for path, name in TABLES.items():
    leaf = params
    for key in path:
      leaf = leaf[key]
    tensors[name] = np.asarray(leaf, np.float32)
  tensors[TABLES["word_embedding",]] = tensors[TABLES["word_embedding",]][: model["vocab_size"]]
  blocks, D = params["blocks"], model["width"]
  for layer in range(model["depth"]):
    put = lambda name, value, n=layer: tensors.__setitem__(f"encoder.layer.{n}.{name}", value)
    for i, name in enumerate(QUERY_KEY_VALUE):
      put(f"{name}.weight", blocks["query_key_value"]["kernel"][layer, :, i].reshape(D, D).T)
      put(f"{name}.bias", blocks["query_key_value"]["bias"][layer, i].reshape(D))
    for ours, name in LAYER_DENSE.items():
      put(f"{name}.weight", blocks[ours]["kernel"][layer].T)
      put(f"{name}.bias", blocks[ours]["bias"][layer])
    for ours, name in LAYER_NORMS.items():
      put(f"{name}.weight", blocks[ours]["scale"][layer])
      put(f"{name}.bias", blocks[ours]["bias"][layer])
  return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def tensors_to_bert(take, model):
  """The inverse: `take(name, shape)` gives each tensor once, float32."""
  N, D, F, H = (model[key] for key in ("depth", "width", "mlp_width", "heads"))
  V, P, T = (model[key] for key in ("vocab_size", "positions", "types"))
  shapes = [(V, D), (P, D), (T, D), (D,), (D,)]
  params = {"embedding_norm": {}, "blocks": {}}
  for (path, name), shape in zip(TABLES.items(), shapes, strict=True):
    (params if len(path) == 1 else params[path[0]])[path[-1]] = take(name, shape)
  params["word_embedding"] = np.pad(params["word_embedding"], ((0, table_rows(V) - V), (0, 0)))

  stack = lambda name, *shape: np.stack(
      [take(f"encoder.layer.{n}.{name}", shape) for n in range(N)])  # fmt: skip
  blocks = params["blocks"]
  kernels = [stack(f"{name}.weight", D, D).swapaxes(1, 2) for name in QUERY_KEY_VALUE]
  biases = [stack(f"{name}.bias", D) for name in QUERY_KEY_VALUE]
  blocks["query_key_value"] = {
      "kernel": np.stack(kernels, 2).reshape(N, D, 3, H, D // H),
      "bias": np.stack(biases, 1).reshape(N, 3, H, D // H)}  # fmt: skip
  for (ours, name), (i, o) in zip(LAYER_DENSE.items(), [(D, D), (D, F), (F, D)], strict=True):
    kernel = stack(f"{name}.weight", o, i).swapaxes(1, 2)
    blocks[ours] = {"kernel": np.ascontiguousarray(kernel), "bias": stack(f"{name}.bias", o)}
  for ours, name in LAYER_NORMS.items():
    blocks[ours] = {"scale": stack(f"{name}.weight", D), "bias": stack(f"{name}.bias", D)}
  return params


def head_to_tensors(params, model):
  """What lies between the encoder and the tied table, as BertForMaskedLM names it."""
  tensors = {
      "transform.dense.weight": params["transform"]["kernel"].T,
      "transform.dense.bias": params["transform"]["bias"],
      "transform.LayerNorm.weight": params["norm"]["scale"],
      "transform.LayerNorm.bias": params["norm"]["bias"],
      "bias": params["output_bias"][: model["vocab_size"]]}  # fmt: skip
  return {MASKED_LM + name: np.ascontiguousarray(value) for name, value in tensors.items()}


def tensors_to_head(take, model):
  """The inverse."""
  V, D = model["vocab_size"], model["width"]
  own = lambda name, *shape: take(MASKED_LM + name, shape)
  return {
      "transform": {"kernel": np.ascontiguousarray(own("transform.dense.weight", D, D).T),
                    "bias": own("transform.dense.bias", D)},
      "norm": {"scale": own("transform.LayerNorm.weight", D),
               "bias": own("transform.LayerNorm.bias", D)},
      "output_bias": np.pad(own("bias", V), (0, table_rows(V) - V))}  # fmt: skip


class TensorFile:
  """A safetensors file of which every tensor must be taken, in the shape config.json promises."""

  def __init__(self, path):
    self.path, self.taken = path, set()
    if not path.is_file():
      raise InputError(f"{path}: no such file.")
    try:
      self.file = safe_open(path, framework="numpy")
    except SafetensorError as error:
      raise InputError(f"{path}: damaged safetensors file ({error}).") from error
    self.names = set(self.file.keys())
    # A model with a head, as of masked language modelling, has its encoder under a prefix.
    self.prefix = "bert." if any(name.startswith("bert.") for name in self.names) else ""

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.file.__exit__(*_)

  def take(self, name, shape):
    name = name if name.startswith(MASKED_LM) else self.prefix + name
    for new, old in OLD_NAMES.items():  # As the first releases of BERT called them.
      if name.endswith(new) and name.removesuffix(new) + old in self.names:
        name = name.removesuffix(new) + old
    if name not in self.names:
      raise InputError(f"{self.path}: lacks the tensor {name}.")
    self.taken.add(name)
    tensor = self.file.get_tensor(name)
    if tensor.shape != tuple(shape):
      raise InputError(f"{self.path}: {name} is {tensor.shape}; config.json says {tuple(shape)}.")
    return np.asarray(tensor, np.float32)

  @property
  def has_masked_lm(self):
    """Whether the head of masked language modelling lies beside the encoder."""
    return MASKED_LM + "bias" in self.names

  def check_all_taken(self):
    left = {name for name in self.names - self.taken if not UNUSED.fullmatch(name)}
    if left:
      raise InputError(f"{self.path}: tensors that this architecture does not use: {sorted(left)}.")
