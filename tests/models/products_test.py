import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.models.products import Dense, add_bias, rounded_product

RNG = np.random.default_rng(0)
X_BLD = jnp.array(RNG.normal(size=(4, 16, 8)), jnp.float32)
W_DF = jnp.array(RNG.normal(size=(8, 6)), jnp.float32)


def test_a_rounded_product_in_float32_is_the_product_itself():
  expected = np.einsum("bld,df->blf", np.float64(X_BLD), np.float64(W_DF))
  found = rounded_product("bld,df->blf", X_BLD, W_DF, "float32")
  assert found.dtype == jnp.float32
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_rounded_product_is_the_exact_one_rounded_once():
  x_BLD = X_BLD.astype(jnp.bfloat16)
  w_DF = W_DF.astype(jnp.bfloat16)
  exact = np.einsum("bld,df->blf", np.float64(x_BLD), np.float64(w_DF))
  found = rounded_product("bld,df->blf", X_BLD, W_DF, "bfloat16")
  assert found.dtype == jnp.bfloat16
  # Half a unit in the last of bfloat16's 8 places.
  np.testing.assert_allclose(np.float64(found), exact, rtol=2.0**-8)


def test_gradients_come_in_the_types_of_their_factors():
  def loss(x_BLD, w_DF):
    return jnp.sum(rounded_product("bld,df->blf", x_BLD, w_DF, "bfloat16"), dtype=jnp.float32)

  of_x, of_w = jax.grad(loss, (0, 1))(X_BLD.astype(jnp.bfloat16), W_DF)
  assert (of_x.dtype, of_w.dtype) == (jnp.bfloat16, jnp.float32)


def test_gradients_of_weights_and_biases_are_summed_in_float32():
  # 4,096 times 1/16 is 256. In bfloat16 the sum would stay at 16, where 1/16 is half of a step.
  x_BLD = jnp.ones((4, 1024, 1), jnp.bfloat16)
  layer = Dense((1,), "bfloat16", rounds=True)

  def loss(params):
    y_BLF = layer.apply({"params": params}, x_BLD)
    return jnp.sum(y_BLF.astype(jnp.float32) / 16)

  of_params = jax.grad(loss)({"kernel": jnp.ones((1, 1)), "bias": jnp.zeros(1)})
  assert of_params["kernel"].item() == 256
  assert of_params["bias"].item() == 256


@pytest.mark.parametrize("shape", [(6,), (16, 6), (16, 1), (4, 16, 6)])
def test_a_bias_and_its_gradient_are_those_of_a_sum(shape):
  y = jnp.array(RNG.normal(size=(4, 16, 6)), jnp.float32)
  bias = jnp.array(RNG.normal(size=shape), jnp.float32)
  weight = jnp.array(RNG.normal(size=y.shape), jnp.float32)

  def loss(add):
    return jax.value_and_grad(lambda y, bias: jnp.sum(add(y, bias) * weight), (0, 1))(y, bias)

  value, gradients = loss(add_bias)
  plain_value, plain_gradients = loss(jnp.add)
  np.testing.assert_allclose(value, plain_value, rtol=1e-6)
  for found, expected in zip(gradients, plain_gradients, strict=True):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
  ("dtype", "rounds", "result"),
  [
    ("float32", False, "float32"),
    ("float32", True, "float32"),
    ("bfloat16", False, "float32"),
    ("bfloat16", True, "bfloat16"),
  ],
)
def test_a_layer_gives_float32_unless_it_rounds(dtype, rounds, result):
  layer = Dense((2, 3), dtype, rounds=rounds)
  params = layer.init(jax.random.key(0), X_BLD)
  y = layer.apply(params, X_BLD.astype(dtype))
  assert y.shape == (4, 16, 2, 3)
  assert y.dtype == result
