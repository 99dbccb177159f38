"""Our parameters under transformers' names: views of the same memory, in its layout."""

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from labse_jax.base.errors import InputError
from labse_jax.model_folder import weights
from labse_jax.model_folder.tensor_file import Tensors
from labse_jax.model_folder.tensor_names import NAMES, ROWS_INT8, TABLE
from labse_jax.models import heads

MODEL = {
  "vocab_size": 300,
  "width": 8,
  "depth": 2,
  "heads": 2,
  "mlp_width": 12,
  "positions": 20,
  "types": 2,
  "position_offset": 0,
  "relative_buckets": 0,
}
MODELS = {
  "bert": MODEL,
  "xlm-roberta": MODEL | {"position_offset": 2, "types": 1},
  "mpnet": MODEL | {"position_offset": 2, "types": 0, "relative_buckets": 32},
  "distilbert": MODEL | {"types": 0},
}


def filled(kind):
  params = weights.allocate(MODELS[kind], masked_lm=True)
  rng = np.random.default_rng(0)
  found = weights.views(params, MODELS[kind], NAMES[kind])
  for view in found.values():
    view[...] = rng.normal(size=view.shape)
  return params, found


@pytest.mark.parametrize("kind", MODELS)
def test_the_tree_is_the_module_s_own(kind):
  params, _ = filled(kind)
  bert = heads.build(MODELS[kind], {"pooling": "mean"}).bert
  rows, places = np.ones((3, 1, 4), int), np.zeros((1, 2), int)

  def init(key):
    return heads.MaskedLM(bert).init(key, *rows, places)["params"]

  def shapes(tree):
    return jax.tree.map(lambda leaf: leaf.shape, tree)

  assert shapes(params) == shapes(jax.eval_shape(init, jax.random.key(0)))


@pytest.mark.parametrize("kind", MODELS)
def test_views_are_our_memory_and_all_of_it(kind):
  params, found = filled(kind)
  leaves = jax.tree.leaves(params)
  assert all(any(np.shares_memory(view, leaf) for leaf in leaves) for view in found.values())
  padding = params["bert"]["word_embedding"][300:]
  assert not padding.any() and len(padding) == 84
  assert sum(view.size for view in found.values()) == (
    sum(leaf.size for leaf in leaves) - padding.size - 84
  )
  assert all(leaf.ctypes.data % 64 == 0 for leaf in jax.tree.leaves(params["bert"]))


def test_the_layout_is_pytorch_s():
  params, found = filled("bert")
  blocks = params["bert"]["blocks"]
  # As PyTorch has it: [out, in]; query, key and value apart; heads side by side.
  key = found["bert.encoder.layer.1.attention.self.key.weight"]
  assert key.shape == (8, 8) and key[5, 3] == blocks["query_key_value"]["kernel"][1, 3, 1, 1, 1]
  bias = found["bert.encoder.layer.1.attention.self.value.bias"]
  assert bias[6] == blocks["query_key_value"]["bias"][1, 2, 1, 2]
  up = found["bert.encoder.layer.0.intermediate.dense.weight"]
  assert up.shape == (12, 8) and up[10, 3] == blocks["up"]["kernel"][0, 3, 10]


def test_int8_rows_are_off_by_half_a_step_at_most(tmp_path):
  params, found = filled("bert")
  table = found.pop("bert." + TABLE)
  table[7] = 0  # A row without a scale.
  rows = weights.quantised(table)
  assert {name: value.dtype for name, value in rows.items()} == dict(
    zip(ROWS_INT8, (np.int8, np.float32), strict=True)
  )
  found |= {"bert." + name: value for name, value in rows.items()}
  save_file(
    {name: np.ascontiguousarray(value) for name, value in found.items()},
    tmp_path / "model.safetensors",
  )
  again, pooler = weights.read(Tensors(tmp_path), MODEL, NAMES["bert"], pretraining=True)
  got = again["bert"]["word_embedding"]
  step = np.abs(table).max(1, keepdims=True) / 127
  assert (np.abs(got[:300] - table) <= step * 0.5001).all() and not got[300:].any()
  assert np.abs(got[:300] - table).max() > 1e-3 and not got[7].any()
  for tree in (again, params):
    del tree["bert"]["word_embedding"]
  jax.tree.map(np.testing.assert_array_equal, again, params)
  assert pooler == {} and weights.stored_as(Tensors(tmp_path)) == "int8_rows"


def test_a_scale_that_gives_infinite_rows_is_refused(tmp_path):
  _, found = filled("bert")
  rows = weights.quantised(found.pop("bert." + TABLE))
  _, scales = ROWS_INT8
  rows[scales][5] = 3e38  # Itself still finite.
  found |= {"bert." + name: value for name, value in rows.items()}
  save_file(
    {name: np.ascontiguousarray(value) for name, value in found.items()},
    tmp_path / "model.safetensors",
  )
  with pytest.raises(InputError, match="word_embeddings.* has a value that is not finite"):
    weights.read(Tensors(tmp_path), MODEL, NAMES["bert"], pretraining=True)
