"""Decay by path, clipping and Adam against plain NumPy, and the schedule's corners."""

import jax
import numpy as np
import pytest

from labse_jax import optim
from labse_jax.errors import InputError
from labse_jax.models import heads

OPTIONS = dict(clip=1.0, b1=0.9, b2=0.99, epsilon=1e-6, weight_decay=0.1)


def test_decay_is_for_kernels_and_embeddings_only():
  model = dict(vocab_size=20, width=8, depth=3, heads=2, mlp_width=16, positions=8)
  head = dict(pooling="cls", dense=8, dense_activation="tanh", normalize=True)
  module = heads.build(model, head)
  params = jax.eval_shape(lambda: heads.init(module, jax.random.key(0)) | {"logit_scale": 1.0})
  paths = jax.tree_util.tree_leaves_with_path(optim.decay_mask(params))
  decayed = {jax.tree_util.keystr(path, simple=True, separator="/") for path, yes in paths if yes}
  assert decayed == {
    "dense/kernel",
    "bert/word_embedding",
    "bert/position_embedding",
    "bert/type_embedding",
    "bert/blocks/query_key_value/kernel",
    "bert/blocks/attention_out/kernel",
    "bert/blocks/up/kernel",
    "bert/blocks/down/kernel",
  }
  # Scanned biases and scales are matrices: a mask by ndim would decay them.
  assert params["bert"]["blocks"]["mlp_norm"]["scale"].ndim == 2


def test_two_steps_equal_numpy():
  rng = np.random.default_rng(0)
  params = {"kernel": rng.normal(size=(3, 4)), "bias": rng.normal(size=4)}
  params = {name: np.float32(value) for name, value in params.items()}
  grads = [{k: np.float32(5 * rng.normal(size=v.shape)) for k, v in params.items()}
           for _ in range(2)]  # fmt: skip
  # One is clipped, the other is not.
  grads[1] = {k: g * np.float32(1e-3) for k, g in grads[1].items()}
  tx = optim.transformation(**OPTIONS)
  state = tx.init(params)
  m, v = (dict.fromkeys(params, 0.0) for _ in range(2))
  for t, gradient in enumerate(grads, 1):
    update, state = tx.update(gradient, state, params)
    norm = np.sqrt(sum(np.sum(g**2) for g in gradient.values()))
    for name, g in gradient.items():
      g = g / max(norm, 1)
      m[name] = 0.9 * m[name] + 0.1 * g
      v[name] = 0.99 * v[name] + 0.01 * g**2
      expected = m[name] / (1 - 0.9**t) / (np.sqrt(v[name] / (1 - 0.99**t)) + 1e-6)
      expected = expected + 0.1 * params[name] * (name == "kernel")
      np.testing.assert_allclose(update[name], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("decay", "half"), [("constant", 1), ("linear", 0.5), ("cosine", 0.5)])
def test_schedule(decay, half):
  rate = jax.jit(lambda step, total: optim.learning_rate(
      step, total, peak=2.0, warmup=0.1, decay=decay))  # fmt: skip
  rates = np.array([rate(step, 1000) for step in range(1001)])
  np.testing.assert_allclose(rates[:100], 2 * np.arange(1, 101) / 100, rtol=1e-5)
  assert rates[100] == pytest.approx(2) and rates[550] == pytest.approx(2 * half, rel=1e-4)
  assert (np.diff(rates[100:]) <= 1e-7).all() and rates[999] > 0
  assert rates[1000] == pytest.approx(2 if decay == "constant" else 0, abs=1e-6)
  # The length is an array: another total needs no other compilation.
  assert rate(50, 500) == pytest.approx(2) and rate._cache_size() == 1


def test_a_schedule_without_warm_up_starts_at_its_peak():
  assert optim.learning_rate(0, 10, peak=3.0, warmup=0.0, decay="linear") == pytest.approx(3)


def test_an_unknown_decay_is_named():
  with pytest.raises(InputError, match="Unknown decay 'cosin'; did you mean 'cosine'"):
    optim.learning_rate(0, 10, peak=1.0, warmup=0.1, decay="cosin")
