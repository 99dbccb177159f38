"""Pooling against NumPy loops, the layers after it, and what `build` refuses."""

import math

import jax
import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.models import heads

SEGMENTS = np.array([[1, 1, 1, 2, 2, 0], [1, 2, 2, 2, 3, 3], [1, 0, 0, 0, 0, 0], [0] * 6])
ORACLES = {
  "cls": lambda tokens: tokens[0],
  "mean": lambda tokens: sum(tokens) / len(tokens),
  "mean_sqrt_len": lambda tokens: sum(tokens) / len(tokens) ** 0.5,
  "weighted_mean": lambda tokens: (
    sum((n + 1) * x for n, x in enumerate(tokens)) / sum(range(1, len(tokens) + 1))
  ),
  "max": lambda tokens: [max(column) for column in zip(*tokens, strict=True)],
}
MODEL = dict(vocab_size=20, width=8, depth=1, heads=2, mlp_width=16, positions=8)


@pytest.fixture(scope="module")
def params():
  head = dict(pooling="mean", dense=3, normalize=True)
  init = jax.jit(lambda key: heads.init(heads.build(MODEL, head), key))
  return init(jax.random.key(0))


@pytest.mark.parametrize("dense, width", [(0, 8), (3, 3)])
def test_out_width_is_that_of_a_vector(dense, width):
  assert heads.build(MODEL, dict(pooling="mean", dense=dense)).out_width == width


@pytest.mark.parametrize("name", heads.POOLING)
def test_pooling_equals_a_loop(name):
  x_BLD = np.random.default_rng(0).normal(size=(4, 6, 8)).astype("float32") - 5
  got = heads.POOLING[name](x_BLD, SEGMENTS, 4)
  expected = np.zeros((4, 4, 8))
  for row, segments in enumerate(SEGMENTS):
    for slot in range(4):
      tokens = [x_BLD[row, i].astype("float64") for i in range(6) if segments[i] == slot + 1]
      if tokens:
        expected[row, slot] = ORACLES[name](tokens)
  np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.heavy
@pytest.mark.parametrize("name", heads.POOLING)
def test_an_empty_slot_is_the_zero_vector_with_a_finite_gradient(name, params):
  module = heads.build(MODEL, dict(pooling=name, dense=0, normalize=True))
  tokens = np.ones((4, 6), int)
  positions = np.zeros((4, 6), int)

  def first_sum(params):
    z_BSD = module.apply({"params": params}, tokens, SEGMENTS, positions, slots=4)
    return z_BSD[..., 0].sum(), z_BSD

  grads, z_BSD = jax.jit(jax.grad(first_sum, has_aux=True))({"bert": params["bert"]})
  norms = np.linalg.norm(z_BSD, axis=-1)
  used = [[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
  np.testing.assert_allclose(norms, used, atol=1e-6)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


@pytest.mark.heavy
@pytest.mark.parametrize(
  ("activation", "f"),
  [
    ("tanh", np.tanh),
    ("identity", lambda x: x),
    ("relu", lambda x: np.maximum(x, 0)),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    ("gelu", np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2)),
  ],
)
def test_dense_and_normalisation(activation, f, params):
  plain = heads.build(MODEL, dict(pooling="mean", dense=0, normalize=False))
  head = dict(pooling="mean", dense=3, dense_activation=activation, normalize=True)
  module = heads.build(MODEL, head)
  inputs = (np.arange(8).reshape(1, 8), np.ones((1, 8), int), np.arange(8).reshape(1, 8))
  bias = np.array([0.5, -1, 2], np.float32)
  params = {**params, "dense": {**params["dense"], "bias": bias}}

  def apply(module):
    return jax.jit(module.apply, static_argnames="slots")({"params": params}, *inputs, slots=1)[
      0, 0
    ]

  z_D = np.float64(apply(plain))
  z_D = f(z_D @ np.float64(params["dense"]["kernel"]) + params["dense"]["bias"])
  np.testing.assert_allclose(apply(module), z_D / np.linalg.norm(z_D), atol=1e-5)


@pytest.mark.parametrize(
  ("model", "head", "options", "message"),
  [
    ({}, {"pooling": "avg"}, {}, "pooling 'avg'"),
    ({}, {"dense_activation": "than"}, {}, "did you mean 'tanh'"),
    ({"activation": "geLU"}, {}, {}, "'geLU'; did you mean 'gelu'"),
    ({}, {}, {"dtype": "float16"}, "did you mean 'bfloat16'"),
    ({"heads": 3}, {}, {}, "heads = 3 does not divide width = 8"),
  ],
)
def test_build_names_what_it_does_not_know(model, head, options, message):
  with pytest.raises(InputError, match=message):
    heads.build({**MODEL, **model}, {"pooling": "cls", **head}, **options)
