"""A TensorFlow checkpoint of a BERT, read as the tensors of Hugging Face's BERT.

Only TensorFlow's checkpoint reader is used: nothing that a SavedModel holds is ever run.
"""

from collections import Counter
import os
import re

from labse_jax.base.errors import InputError
from labse_jax.model_folder.tensor_file import Tensors

# Hugging Face's name, google-research/bert's (TF1), the model garden's (TF2): single variables,
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
# pairs of a kernel or gain and a bias,
MODULES = [
  ("embeddings.LayerNorm", "embeddings/LayerNorm", "embeddings/layer_norm"),
  ("pooler.dense", "pooler/dense", "pooler_transform"),
  ("cls.predictions.transform.dense", *["cls/predictions/transform/dense"] * 2),
  ("cls.predictions.transform.LayerNorm", *["cls/predictions/transform/LayerNorm"] * 2),
]
# and the pairs of each layer.
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
LEFT_OUT = {  # What vectors do not depend on, by a variable's key in the checkpoint or its name.
  "optimizer": r"(.*/)?(optimizer|\.OPTIMIZER_SLOT)/.*|\w+/[mv]/.*|.*/(adam|lamb|lars)_[mv]"
  r"|.*/(Adam|LAMB)\w*|beta[12]_power\w*",
  "counter": r"(save_counter|global_step)(/.*)?",
  "metric": r"(.*/)?metrics/.*",
  "next-sentence head": r"(.*/)?(cls/seq_relationship|next_sentence|transform/logits)/.*",
}
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}  # It greets at its import.
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def hugging_face_names(depth):
  """{a variable's name in either code: Hugging Face's} of a BERT of `depth` layers."""
  found = {name: theirs for theirs, *names in TABLES for name in names}
  layers = [
    [scope.format(n) + module for scope, module in zip(LAYER, modules, strict=True)]
    for n in range(depth)
    for modules in LAYER_MODULES
  ]
  for theirs, *paths in MODULES + layers:
    weight, bias = ("gamma", "beta") if theirs.endswith("LayerNorm") else ("kernel", "bias")
    for path in paths:
      found |= {f"{path}/{weight}": f"{theirs}.weight", f"{path}/{bias}": f"{theirs}.bias"}
  return found


class Variables(Tensors):
  """`stored` is {key: (name, shape)}, `read(key)` gives one's values, `path` is for messages.

  `left_out` counts, by kind, what was left aside as no part of a model; `lower_case` is what a
  SavedModel says of its tokenizer, or None.
  """

  def __init__(self, path, stored, read):
    self.path, self.read = path, read
    self.missing, self.taken, self.wrong = [], set(), []
    self.places, self.left_out, self.lower_case = {}, Counter(), None
    layers = re.findall(r"\blayer_(\d+)/", " ".join(name for name, _ in stored.values()))
    self.depth = len(set(layers))
    names = hugging_face_names(self.depth)
    for key, (name, shape) in sorted(stored.items()):
      if key.startswith("do_lower_case/"):
        self.lower_case = bool(read(key))
      elif kind := _left_out(key, name):
        self.left_out[kind] += 1
      else:
        self._place(_inside(name, names), key, shape)
    query = self.shape(QUERY_0)
    self.heads = query[1] if query and len(query) == 3 else None  # The model garden's axis.

  def _place(self, name, key, shape):
    if name in self.places:
      raise InputError(f"{self.path}: {key} and {self.places[name][0]} are both {name}.")
    self.places[name] = (key, shape)

  def shape(self, name):
    """The stored shape of the tensor that Hugging Face calls `name`; None where it is not there."""
    return self.places[name][1] if name in self.places else None

  def fill(self, name, out, kinds=None):
    """Writes the tensor into `out`, which has Hugging Face's layout; returns `out`."""
    if name not in self.places:
      self.missing.append(name)
      return out
    self.taken.add(name)
    key, stored = self.places[name]
    kernel = name.endswith(".weight") and out.ndim == 2 and not name.startswith("embeddings.")
    view = out.T if kernel else out
    expected = self._with_heads(name, view.shape)
    if stored != expected:
      self.wrong.append(f"{name} is {stored}; {expected} is needed")
      return out
    view[...] = self.read(key).reshape(view.shape)
    return out

  def _with_heads(self, name, shape):
    """As the model garden has it: (D, H, K), (H, K) and, on the way out of attention, (H, K, D)."""
    H = self.heads
    if H and ".attention.self." in name:
      return (*shape[:-1], H, shape[-1] // H)
    if H and name.endswith("attention.output.dense.weight"):
      return (H, shape[0] // H, *shape[1:])
    return shape


def _inside(name, names):
  """Hugging Face's name of a variable, whatever scopes stand before it; or its own."""
  parts = name.split("/")
  inner = ("/".join(parts[i:]) for i in range(len(parts)))
  return next((names[end] for end in inner if end in names), name)


def _left_out(key, name):
  return next(
    (
      kind
      for kind, pattern in LEFT_OUT.items()
      if re.fullmatch(pattern, key) or re.fullmatch(pattern, name)
    ),
    None,
  )


def open_checkpoint(prefix):
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
  failures = (tf.errors.OpError, ValueError, RuntimeError, IndexError)  # Of its reader.

  def read(key):
    try:
      return reader.get_tensor(key)
    except failures as error:
      raise InputError(f"{prefix}: {key} cannot be read ({error}).") from error

  try:
    reader = tf.train.load_checkpoint(str(prefix))
    shapes = reader.get_variable_to_shape_map()
  except failures as error:
    raise InputError(f"{prefix}: is no TensorFlow checkpoint ({error}).") from error
  names = {key: key for key in shapes}
  if shapes.pop(GRAPH, None) is not None:  # TF2's keys are paths of objects; its names lie here.
    for node in TrackableObjectGraph.FromString(read(GRAPH)).nodes:
      names |= {a.checkpoint_key: a.full_name for a in node.attributes if a.full_name}
  return Variables(prefix, {k: (names[k], tuple(shape)) for k, shape in shapes.items()}, read)
