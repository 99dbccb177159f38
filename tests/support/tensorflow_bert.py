"""A tiny BERT as TensorFlow's two codes keep it, and the vectors that TensorFlow makes of it."""

import os

import numpy as np
import pytest

from labse_jax.model_folder import weights
from labse_jax.model_folder.tensor_names import NAMES
from labse_jax.surgery.tensorflow_checkpoint import QUIET, Variables, hugging_face_names

BERT_CONFIG = {
  "vocab_size": 1000,
  "hidden_size": 32,
  "num_hidden_layers": 2,
  "num_attention_heads": 4,
  "intermediate_size": 64,
  "max_position_embeddings": 64,
  "type_vocab_size": 2,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "initializer_range": 0.02,
}
# What the research code's next-sentence head leaves in a checkpoint, as `opened` takes it.
NEXT_SENTENCE = {"cls/seq_relationship/output_bias": ("cls/seq_relationship/output_bias", "")}


def need_tensorflow():
  """The tensorflow module; skips where the extra is not installed."""
  for name, quiet in QUIET.items():
    os.environ.setdefault(name, quiet)
  return pytest.importorskip("tensorflow", reason="needs pip install labse_jax[tensorflow]")


def need_model_garden():
  """The model garden's module of models; skips where tf-models-official is not installed."""
  need_tensorflow()
  return pytest.importorskip(
    "official.nlp.modeling.models",
    exc_type=ImportError,
    reason="needs pip install tf-models-official",
  )


def masked_lm_head(seed, D=32, V=1000):
  """Random parameters of the head of masked language modelling."""
  rng = np.random.default_rng(seed)

  def draw(*shape):
    return rng.normal(size=shape).astype(np.float32)

  return {
    "transform": {"kernel": draw(D, D), "bias": draw(D)},
    "output_bias": np.pad(draw(V), (0, 1024 - V)),
    "norm": {"scale": draw(D), "bias": draw(D)},
  }


def variables_of(content, style, *, masked_lm=None):
  """{name: array} of a ModelFolder with LaBSE's head, as "research" or "garden" code has them."""
  params = {"bert": content.params["bert"]}
  if masked_lm:
    params["masked_lm"] = masked_lm
  tensors = {}
  for name, value in weights.views(params, content.model, NAMES["bert"]).items():
    tensors[name.removeprefix("bert.")] = value
  tensors["pooler.dense.weight"] = content.params["dense"]["kernel"].T
  tensors["pooler.dense.bias"] = content.params["dense"]["bias"]
  names = {}  # The research code's first.
  for name, theirs in hugging_face_names(content.model["depth"]).items():
    names.setdefault(theirs, []).append(name)
  found = {}
  for theirs, value in tensors.items():
    name = names[theirs][0 if style == "research" else -1]
    if name.endswith("kernel"):
      value = value.T
    if style == "garden":
      value = _with_heads(theirs, value, content.model["heads"])
    found[name] = value
  return found


def _with_heads(theirs, value, heads):
  """The model garden gives the heads an axis of their own."""
  if ".attention.self." in theirs:
    return value.reshape(*value.shape[:-1], heads, -1)
  if theirs.endswith("attention.output.dense.weight"):
    return value.reshape(heads, -1, value.shape[-1])
  return value


def no_pooler(arrays):
  """Takes the pooler out of {name: array}."""
  for name in list(arrays):
    if "pooler" in name:
      del arrays[name]


def touch(folder, *names):
  """Makes empty files of these names, which may stand in folders."""
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()


def opened(arrays, extra=()):
  """The Variables of {name: array} and of `extra` ones, {key: (name, kind)}, without TensorFlow."""
  stored = {f"key of {name}": (f"scope/{name}", value.shape) for name, value in arrays.items()}
  stored |= {key: (name, ()) for key, (name, _) in dict(extra).items()}
  return Variables("x.ckpt", stored, lambda key: arrays[key.removeprefix("key of ")])


def research_vector(tf, get, ids, *, depth=2, heads=4):
  """LaBSE's vector of token ids in TensorFlow's operations; get(name) is a TF1 variable."""

  def dense(x, at):
    return tf.linalg.matmul(x, get(f"{at}/kernel")) + get(f"{at}/bias")

  def split(x):
    return tf.transpose(tf.reshape(x, (len(ids), heads, -1)), (1, 0, 2))

  def norm(x, at):
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-12) * get(f"{at}/gamma") + get(f"{at}/beta")

  x = tf.gather(get("embeddings/word_embeddings"), ids)
  x += get("embeddings/position_embeddings")[: len(ids)]
  x = norm(x + get("embeddings/token_type_embeddings")[0], "embeddings/LayerNorm")
  for n in range(depth):
    at = f"encoder/layer_{n}/"
    q, k, v = (split(dense(x, f"{at}attention/self/{name}")) for name in ("query", "key", "value"))
    p = tf.nn.softmax(tf.linalg.matmul(q, k, transpose_b=True) / np.sqrt(q.shape[-1]))
    a = tf.reshape(tf.transpose(tf.linalg.matmul(p, v), (1, 0, 2)), (len(ids), -1))
    x = norm(x + dense(a, f"{at}attention/output/dense"), f"{at}attention/output/LayerNorm")
    h = tf.nn.gelu(dense(x, f"{at}intermediate/dense"), approximate=True)
    x = norm(x + dense(h, f"{at}output/dense"), f"{at}output/LayerNorm")
  return tf.math.l2_normalize(tf.tanh(dense(x[:1], "pooler/dense"))[0])


def save_research(prefix, arrays, all_ids):
  """Writes a TF1 checkpoint as training leaves it; returns TensorFlow's vectors of `all_ids`."""
  tf = need_tensorflow()
  tf1 = tf.compat.v1
  with tf1.Graph().as_default(), tf1.Session() as session:
    made = {}
    for name, value in arrays.items():
      made[name] = tf1.get_variable(f"bert/{name}", initializer=value)
    # Training leaves its step and its moments beside the weights.
    tf1.get_variable("global_step", initializer=3)
    tf1.get_variable("bert/pooler/dense/bias/adam_v", initializer=np.ones(32))
    session.run(tf1.global_variables_initializer())
    tf1.train.Saver().save(session, str(prefix))
    return [session.run(research_vector(tf, made.get, ids)) for ids in all_ids]


def garden_labse(models):
  """The official LaBSE at tiny size, by the code that exported it, with weights that all show."""
  from official.legacy.bert import bert_models, configs

  config = configs.BertConfig(**BERT_CONFIG)
  encoder = bert_models.get_transformer_encoder(config, sequence_length=None)
  rng = np.random.default_rng(0)
  for variable in encoder.variables:
    variable.assign_add(0.2 * rng.normal(size=variable.shape))
  return models.DualEncoder(encoder, max_seq_length=None, output="predictions")


def garden_vector(tf, model, ids):
  """The official model's own vector of token ids."""
  ones = tf.ones((1, len(ids)), tf.int32)
  return model([tf.constant([ids]), ones, 0 * ones])["pooled_output"][0].numpy()


def save_garden_task(prefix, model, optimizer):
  """Writes the checkpoint of the official dual-encoder task that trained `model`'s encoder."""
  models = need_model_garden()
  tf = need_tensorflow()
  encoder = model.checkpoint_items["encoder"]
  task = models.DualEncoder(encoder, max_seq_length=8, output="logits")
  zeros = [tf.zeros_like(variable) for variable in task.trainable_variables]
  optimizer.apply_gradients(zip(zeros, task.trainable_variables, strict=True))
  step = tf.Variable(0, dtype=tf.int64)
  tf.train.Checkpoint(
    model=task, optimizer=optimizer, global_step=step, **task.checkpoint_items
  ).save(str(prefix))
