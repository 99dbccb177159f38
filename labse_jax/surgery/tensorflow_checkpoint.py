"""A TensorFlow checkpoint of a BERT, read as the tensors of transformers' BERT.

Only TensorFlow's checkpoint reader is used: nothing that a SavedModel holds is ever run.
"""

from collections import Counter
from collections.abc import Callable, Mapping
import dataclasses
import os
import pathlib
import re

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.model_folder.tensor_file import Stored, TensorSource

# Each row below has transformers' name, google-research/bert's (TF1) and the model garden's (TF2).
# These are single variables,
TABLES = [
  ("embeddings.word_embeddings.weight", "embeddings/word_embeddings", "word_embeddings/embeddings"),
  (
    "embeddings.position_embeddings.weight",
    "embeddings/position_embeddings",
    "position_embedding/embeddings",
  ),
  (
    "embeddings.token_type_embeddings.weight",
    "embeddings/token_type_embeddings",
    "type_embeddings/embeddings",
  ),
  ("cls.predictions.bias", "cls/predictions/output_bias", "cls/predictions/output_bias/bias"),
]
# these are modules, which have a kernel (or a gain) and a bias,
MODULES = [
  ("embeddings.LayerNorm", "embeddings/LayerNorm", "embeddings/layer_norm"),
  ("pooler.dense", "pooler/dense", "pooler_transform"),
  (
    "cls.predictions.transform.dense",
    "cls/predictions/transform/dense",
    "cls/predictions/transform/dense",
  ),
  (
    "cls.predictions.transform.LayerNorm",
    "cls/predictions/transform/LayerNorm",
    "cls/predictions/transform/LayerNorm",
  ),
]
# and these are the modules of each layer.
LAYER = ("encoder.layer.{}.", "encoder/layer_{}/", "transformer/layer_{}/")
LAYER_MODULES = [
  ("attention.self.query", "attention/self/query", "self_attention/query"),
  ("attention.self.key", "attention/self/key", "self_attention/key"),
  ("attention.self.value", "attention/self/value", "self_attention/value"),
  ("attention.output.dense", "attention/output/dense", "self_attention/attention_output"),
  ("attention.output.LayerNorm", "attention/output/LayerNorm", "self_attention_layer_norm"),
  ("intermediate.dense", "intermediate/dense", "intermediate"),
  ("output.dense", "output/dense", "output"),
  ("output.LayerNorm", "output/LayerNorm", "output_layer_norm"),
]
QUERY_0 = "encoder.layer.0.attention.self.query.weight"
# What no vector depends on. A pattern is for a variable's key in the checkpoint or for its name.
LEFT_OUT = {
  "optimizer": r"(.*/)?(optimizer|\.OPTIMIZER_SLOT)/.*|\w+/[mv]/.*|.*/(adam|lamb|lars)_[mv]"
  r"|.*/(Adam|LAMB)\w*|beta[12]_power\w*",
  "counter": r"(save_counter|global_step)(/.*)?",
  "metric": r"(.*/)?metrics/.*",
  "next-sentence head": r"(.*/)?(cls/seq_relationship|next_sentence|transform/logits)/.*",
}
# TensorFlow prints lines when it is imported; these settings keep it quiet.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def hugging_face_names(depth: int) -> dict[str, str]:
  """{a variable's name in either code: transformers' name} of a BERT of `depth` layers."""
  found = {}
  for theirs, *names in TABLES:
    for name in names:
      found[name] = theirs
  for module in MODULES:
    found |= _module_names(*module)
  for n in range(depth):
    for module in LAYER_MODULES:
      paths = [scope.format(n) + path for scope, path in zip(LAYER, module, strict=True)]
      found |= _module_names(*paths)
  return found


def _module_names(theirs, *paths):
  """The same for the two variables of one module."""
  is_norm = theirs.endswith("LayerNorm")
  weight = "gamma" if is_norm else "kernel"
  bias = "beta" if is_norm else "bias"
  found = {}
  for path in paths:
    found[f"{path}/{weight}"] = f"{theirs}.weight"
    found[f"{path}/{bias}"] = f"{theirs}.bias"
  return found


@dataclasses.dataclass(frozen=True)
class Variable(Stored):
  """A variable's shape in the checkpoint, and its key there."""

  key: str


class Variables(TensorSource[Variable]):
  """The variables of a checkpoint, as the tensors of transformers' BERT.

  `stored` is {key: (name, shape)}, `read(key)` gives the values of one, `path` is for messages.
  `left_out` counts, by kind, the variables that are not part of a model. `lower_case` is what a
  SavedModel says of its tokenizer, or None.
  """

  def __init__(
    self,
    path: pathlib.Path,
    stored: Mapping[str, tuple[str, tuple[int, ...]]],
    read: Callable[[str], np.ndarray],
  ) -> None:
    super().__init__(path)
    self.read = read
    self.left_out: Counter[str] = Counter()
    self.lower_case: bool | None = None
    self.depth = _depth(stored)
    names = hugging_face_names(self.depth)
    for key, (name, shape) in sorted(stored.items()):
      kind = _left_out(key, name)
      if key.startswith("do_lower_case/"):
        self.lower_case = bool(read(key))
      elif kind:
        self.left_out[kind] += 1
      else:
        self._place(_inside(name, names), key, shape)
    # Only the model garden keeps an axis of heads.
    query = self.shape(QUERY_0)
    self.heads = query[1] if query and len(query) == 3 else None

  def _place(self, name, key, shape):
    if name in self.places:
      raise InputError(f"{self.path}: {key} and {self.places[name].key} are both {name}.")
    self.places[name] = Variable(shape, key)

  def shape(self, name: str) -> tuple[int, ...] | None:
    """The stored shape of the tensor that transformers calls `name`; None where it is not there."""
    return self.places[name].shape if name in self.places else None

  def fill(self, name: str, out: np.ndarray) -> np.ndarray:
    """Writes the tensor into `out`, which has transformers' layout; returns `out`."""
    if name not in self.places:
      self.missing.append(name)
      return out
    self.taken.add(name)
    # TensorFlow's kernels are [in, out], PyTorch's weights are [out, in]; tables are alike.
    kernel = name.endswith(".weight") and out.ndim == 2 and not name.startswith("embeddings.")
    view = out.T if kernel else out
    place = self.places[name]
    expected = self._with_heads(name, view.shape)
    if place.shape != expected:
      self.wrong.append(f"{name} is {place.shape}; {expected} is needed")
      return out
    view[...] = self.read(place.key).reshape(view.shape)
    return out

  def _with_heads(self, name, shape):
    """The stored shape: the model garden has (D, H, K), (H, K) and, after attention, (H, K, D)."""
    H = self.heads
    if H and ".attention.self." in name:
      return (*shape[:-1], H, shape[-1] // H)
    if H and name.endswith("attention.output.dense.weight"):
      return (H, shape[0] // H, *shape[1:])
    return shape


def _depth(stored):
  names = " ".join(name for name, _ in stored.values())
  return len(set(re.findall(r"\blayer_(\d+)/", names)))


def _inside(name, names):
  """Transformers' name of a variable, whatever scopes stand before it; else its own name."""
  parts = name.split("/")
  for i in range(len(parts)):
    end = "/".join(parts[i:])
    if end in names:
      return names[end]
  return name


def _left_out(key, name):
  """The kind in `LEFT_OUT` of a variable; None for one that may be part of a model."""
  for kind, pattern in LEFT_OUT.items():
    if re.fullmatch(pattern, key) or re.fullmatch(pattern, name):
      return kind
  return None


def open_checkpoint(prefix: pathlib.Path) -> Variables:
  """The Variables of the checkpoint whose files begin with `prefix`, as in bert_model.ckpt."""
  for name, quiet in QUIET.items():
    os.environ.setdefault(name, quiet)
  try:
    import tensorflow as tf
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph
  except ImportError as error:
    raise InputError(
      f"{prefix}: a TensorFlow checkpoint is read by TensorFlow; "
      "pip install 'labse_jax[tensorflow]'."
    ) from error
  failures = (tf.errors.OpError, ValueError, RuntimeError, IndexError)  # What its reader raises.
  try:
    reader = tf.train.load_checkpoint(str(prefix))
    shapes = reader.get_variable_to_shape_map()
  except failures as error:
    raise InputError(f"{prefix}: is no TensorFlow checkpoint ({error}).") from error

  def read(key):
    try:
      return reader.get_tensor(key)
    except failures as error:
      raise InputError(f"{prefix}: {key} cannot be read ({error}).") from error

  # TF1's keys are names. TF2's are paths of objects; its names lie in a graph of the objects.
  names = {key: key for key in shapes}
  if shapes.pop(GRAPH, None) is not None:
    for node in TrackableObjectGraph.FromString(read(GRAPH)).nodes:
      for attribute in node.attributes:
        if attribute.full_name:
          names[attribute.checkpoint_key] = attribute.full_name
  stored = {key: (names[key], tuple(shape)) for key, shape in shapes.items()}
  return Variables(prefix, stored, read)
