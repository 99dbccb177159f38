"""A TensorFlow checkpoint's variables under Hugging Face's names, every one accounted for."""

import sys

import jax
import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.model_folder import weights
from labse_jax.model_folder.tensor_names import NAMES
from labse_jax.surgery.tensorflow_checkpoint import Variables, open_checkpoint
from tests.support.tensorflow_bert import masked_lm_head, need_tensorflow, opened, variables_of

RELEASED = {  # As the released checkpoints and the official code have them.
  "bert/embeddings/word_embeddings": "embeddings.word_embeddings.weight",
  "bert/embeddings/token_type_embeddings": "embeddings.token_type_embeddings.weight",
  "bert/embeddings/LayerNorm/gamma": "embeddings.LayerNorm.weight",
  "bert/encoder/layer_1/attention/self/key/kernel": "encoder.layer.1.attention.self.key.weight",
  "bert/encoder/layer_1/attention/output/dense/bias": "encoder.layer.1.attention.output.dense.bias",
  "bert/encoder/layer_0/output/dense/kernel": "encoder.layer.0.output.dense.weight",
  "bert/encoder/layer_0/output/LayerNorm/beta": "encoder.layer.0.output.LayerNorm.bias",
  "bert/pooler/dense/bias": "pooler.dense.bias",
  "cls/predictions/output_bias": "cls.predictions.bias",
  "cls/predictions/transform/LayerNorm/gamma": "cls.predictions.transform.LayerNorm.weight",
  "word_embeddings/embeddings": "embeddings.word_embeddings.weight",
  "bert_encoder_v2/position_embedding/embeddings": "embeddings.position_embeddings.weight",
  "type_embeddings/embeddings": "embeddings.token_type_embeddings.weight",
  "embeddings/layer_norm/beta": "embeddings.LayerNorm.bias",
  "transformer/layer_0/self_attention/value/bias": "encoder.layer.0.attention.self.value.bias",
  "transformer/layer_1/self_attention/attention_output/kernel": (
    "encoder.layer.1.attention.output.dense.weight"
  ),
  "transformer/layer_1/self_attention_layer_norm/gamma": (
    "encoder.layer.1.attention.output.LayerNorm.weight"
  ),
  "transformer/layer_1/output/kernel": "encoder.layer.1.output.dense.weight",
  "pooler_transform/kernel": "pooler.dense.weight",
  "bert/cls/predictions/output_bias/bias": "cls.predictions.bias",
}
EXTRA = {  # What training leaves beside a model: the key, its name, the kind.
  "global_step": ("global_step", "counter"),
  "save_counter/.ATTRIBUTES/VARIABLE_VALUE": ("save_counter", "counter"),
  "bert/pooler/dense/bias/adam_m": ("bert/pooler/dense/bias/adam_m", "optimizer"),
  "bert/pooler/dense/bias/Adam_1": ("bert/pooler/dense/bias/Adam_1", "optimizer"),
  "beta1_power": ("beta1_power", "optimizer"),
  "optimizer/_variables/1/.ATTRIBUTES/VARIABLE_VALUE": (
    "Adam/m/word_embeddings/embeddings",
    "optimizer",
  ),
  "other/_variables/1/.ATTRIBUTES/VARIABLE_VALUE": ("AdamW/v/pooler_transform/bias", "optimizer"),
  "encoder/x/bias/.OPTIMIZER_SLOT/optimizer/m/.ATTRIBUTES/VARIABLE_VALUE": (
    "Adam/pooler_transform/bias/m",
    "optimizer",
  ),
  "keras_api/metrics/0/total/.ATTRIBUTES/VARIABLE_VALUE": ("total", "metric"),
  "cls/seq_relationship/output_weights": (
    "cls/seq_relationship/output_weights",
    "next-sentence head",
  ),
}


def read(variables, model):
  return weights.read(variables, model, NAMES["bert"], pretraining=True)


@pytest.mark.parametrize("name", RELEASED)
def test_names_of_the_released_code(name):
  layers = {f"a/layer_{n}/x": (f"a/layer_{n}/x", ()) for n in range(2)}
  variables = Variables("x.ckpt", {"key": (name, (3,)), **layers}, None)
  assert variables.shape(RELEASED[name]) == (3,)


@pytest.mark.parametrize("masked_lm", [False, True])
@pytest.mark.parametrize("style", ["research", "garden"])
def test_variables_become_our_parameters_and_back(tiny_content, style, masked_lm):
  masked_lm = masked_lm_head(0) if masked_lm else None
  arrays = variables_of(tiny_content, style, masked_lm=masked_lm)
  assert len(arrays) == 5 + 2 * 16 + 2 + (5 if masked_lm else 0)
  variables = opened(arrays, EXTRA)
  assert (variables.depth, variables.heads) == (2, 4 if style == "garden" else None)
  params, pooler = read(variables, tiny_content.model)
  expected = {"bert": dict(tiny_content.params["bert"])}
  table_VD = expected["bert"]["word_embedding"]
  expected["bert"]["word_embedding"] = np.where(np.arange(1024)[:, None] < 1000, table_VD, 0)
  expected |= {"masked_lm": masked_lm} if masked_lm else {}
  jax.tree.map(np.testing.assert_array_equal, params, expected)
  np.testing.assert_array_equal(
    pooler["pooler.dense.weight"].T, tiny_content.params["dense"]["kernel"]
  )


@pytest.mark.parametrize("key", EXTRA)
def test_what_is_no_part_of_a_model_is_counted_by_its_kind(key):
  name, kind = EXTRA[key]
  variables = Variables("x.ckpt", {key: (name, (2,))}, None)
  assert variables.left_out == {kind: 1} and not variables.places


def test_a_saved_model_says_its_letter_case():
  key = "do_lower_case/.ATTRIBUTES/VARIABLE_VALUE"
  for value in (True, False):
    variables = Variables("x", {key: ("Variable", ())}, lambda key, v=value: np.array(v))
    assert variables.lower_case is value and not variables.places
  assert Variables("x", {}, None).lower_case is None


def test_all_that_does_not_fit_is_said_at_once(tiny_content):
  arrays = variables_of(tiny_content, "garden")
  query = "transformer/layer_1/self_attention/query/kernel"
  arrays[query] = arrays[query].reshape(32, 2, 16)  # As many numbers, other heads.
  arrays["embeddings/layer_norm/beta"] = np.zeros(31, np.float32)
  del arrays["transformer/layer_0/output/bias"]
  arrays["adapter/down/kernel"] = np.zeros((2, 2))
  with pytest.raises(InputError) as caught:
    read(opened(arrays), tiny_content.model)
  said = str(caught.value)
  assert "embeddings.LayerNorm.bias is (31,); (32,) is needed" in said
  assert "layer.1.attention.self.query.weight is (32, 2, 16); (32, 4, 8) is needed" in said
  assert "missing: encoder.layer.0.output.dense.bias" in said
  assert "not of this model: scope/adapter/down/kernel" in said


@pytest.mark.parametrize(
  ("depth", "message"), [(1, "not of this model: encoder.layer.1"), (3, "missing: encoder.layer.2")]
)
def test_another_depth_is_refused(tiny_content, depth, message):
  with pytest.raises(InputError, match=message):
    read(opened(variables_of(tiny_content, "research")), tiny_content.model | {"depth": depth})


def test_a_variable_that_is_there_twice_is_refused():
  stored = {k: (f"{k}/word_embeddings/embeddings", (3, 2)) for k in ("left", "right")}
  with pytest.raises(InputError, match="right and left are both embeddings.word_embeddings.weight"):
    Variables("x.ckpt", stored, None)


def test_without_tensorflow_the_line_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, "tensorflow", None)
  with pytest.raises(InputError, match=r"pip install 'labse_jax\[tensorflow\]'"):
    open_checkpoint("x.ckpt")


# With TensorFlow's own reader.


def save(path, values):
  """A TF2 checkpoint of variables of these names; returns its prefix."""
  tf = need_tensorflow()
  module = tf.Module()
  module.all = [tf.Variable(value, name=name) for name, value in values.items()]
  return tf.train.Checkpoint(model=module).write(str(path / "ckpt"))


def test_names_come_from_the_graph_of_objects(tmp_path):
  prefix = save(tmp_path, {"word_embeddings/embeddings": np.ones((3, 2), np.float32)})
  variables = open_checkpoint(prefix)
  assert variables.shape("embeddings.word_embeddings.weight") == (3, 2)
  key = variables.places["embeddings.word_embeddings.weight"].key
  assert key.startswith("model/all/0") and not variables.left_out
  np.testing.assert_array_equal(variables.read(key), np.ones((3, 2)))


def test_a_damaged_checkpoint_is_one_line(tmp_path):
  prefix = save(tmp_path, {"pooler_transform/bias": np.arange(100.0)})
  data = next(tmp_path.glob("ckpt.data*"))
  whole = data.read_bytes()
  data.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])  # The index has a sum of each variable.
  with pytest.raises(InputError, match="model/all/0.* cannot be read"):
    open_checkpoint(prefix).fill("pooler.dense.bias", np.zeros(100, np.float32))
  data.write_bytes(whole[:40])
  with pytest.raises(InputError, match="cannot be read"):
    open_checkpoint(prefix)
  (tmp_path / "ckpt.index").write_bytes(b"no index")
  with pytest.raises(InputError, match="no TensorFlow checkpoint"):
    open_checkpoint(prefix)


def test_a_value_that_is_not_finite_is_refused():
  key = "bert/embeddings/LayerNorm/gamma"
  variables = Variables("x.ckpt", {key: (key, (2,))}, lambda _: np.array([1, np.inf], np.float32))
  with pytest.raises(InputError, match=f"x.ckpt: {key} has a value that is not finite"):
    variables.fill("embeddings.LayerNorm.weight", np.zeros(2, np.float32))
