"""The modules after the encoder, as sentence-transformers itself computes them."""

import json

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.model_folder import sentence_modules
from labse_jax.models import heads
from tests.support.needs import need_torch

RNG = np.random.default_rng(0)
DENSE = {
  "kernel": RNG.normal(size=(8, 3)).astype(np.float32),
  "bias": RNG.normal(size=3).astype(np.float32),
}


@pytest.mark.parametrize("activation", sentence_modules.ACTIVATIONS)
def test_a_dense_layer_is_sentence_transformers_own(tmp_path, activation):
  need_torch()
  from sentence_transformers.models import Dense
  import torch

  head = {"pooling": "mean", "dense": 3, "dense_activation": activation, "normalize": False}
  sentence_modules.write(tmp_path, head, DENSE, 8)
  x_BD = RNG.normal(size=(5, 8)).astype(np.float32)
  layer = Dense.load(str(tmp_path / "2_Dense"))
  with torch.no_grad():
    expected = layer({"sentence_embedding": torch.tensor(x_BD)})["sentence_embedding"].numpy()
  got = heads.DENSE_ACTIVATIONS[activation](x_BD @ DENSE["kernel"] + DENSE["bias"])
  np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("pooling", sentence_modules.POOLING)
@pytest.mark.parametrize("style", [0, 1])
def test_both_ways_to_name_a_pooling_are_read(tmp_path, pooling, style):
  head = {"pooling": pooling, "dense": 0, "dense_activation": "tanh", "normalize": True}
  sentence_modules.write(tmp_path, head, None, 8)
  if style:
    config = {"pooling_mode": sentence_modules.POOLING[pooling][1], "embedding_dimension": 8}
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(config))
  assert sentence_modules.read(tmp_path) == (tmp_path, head, None)


def test_what_is_written_is_read(tmp_path):
  head = {"pooling": "cls", "dense": 3, "dense_activation": "gelu", "normalize": True}
  sentence_modules.write(tmp_path, head, DENSE, 8)
  encoder, read, dense = sentence_modules.read(tmp_path)
  assert encoder == tmp_path and read | sentence_modules.read_dense(dense, 8) == head
  for name, value in sentence_modules.read_dense_params(dense, 8, 3).items():
    np.testing.assert_array_equal(value, DENSE[name])


@pytest.mark.parametrize("outputs", [0, -1, "3", 2.0])
def test_a_width_that_is_none_is_refused(tmp_path, outputs):
  (tmp_path / "config.json").write_text(
    json.dumps(
      {
        "in_features": 8,
        "out_features": outputs,
        "activation_function": sentence_modules.ACTIVATIONS["tanh"],
      }
    )
  )
  with pytest.raises(InputError, match="out_features is"):
    sentence_modules.read_dense(tmp_path, 8)
