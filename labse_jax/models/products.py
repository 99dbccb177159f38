"""Matrix products of a model, and the type of number in which they come out.

On a CPU every result is float32. On an accelerator what is written to memory between two products
costs more time than the products, so there the results of bfloat16 products are bfloat16, too.
Sums inside of a product, the gradients of weights and of biases are float32 everywhere.
"""

import functools

from flax import linen as nn
import jax
import jax.numpy as jnp

INIT = nn.initializers.truncated_normal(0.02)  # Devlin et al. 2019, the released code.


def product(spec: str, a: jax.Array, b: jax.Array, dtype: str) -> jax.Array:
  """jnp.einsum(spec, a, b), products in `dtype`, sums and result in float32."""
  if dtype == "float32":
    return jnp.einsum(spec, a, b, precision=jax.lax.Precision.HIGHEST)
  return _low_product(spec, a, b, dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 3))
def _low_product(spec, a, b, dtype):
  return jnp.einsum(spec, a.astype(dtype), b.astype(dtype), preferred_element_type=jnp.float32)


def _low_forward(spec, a, b, dtype):
  return _low_product(spec, a, b, dtype), (a, b)


def _low_backward(spec, dtype, kept, g):
  """The gradients, with products in `dtype` too: autodiff's would be in float32, as g is."""
  a, b = kept
  of_a, of_b = _transposed(spec)
  da = _low_product(of_a, g, b, dtype)
  db = _low_product(of_b, a, g, dtype)
  return da.astype(a.dtype), db.astype(b.dtype)


_low_product.defvjp(_low_forward, _low_backward)


def _transposed(spec: str) -> tuple[str, str]:
  """The products that give the gradients of `spec`'s two factors: of g and b, of a and g."""
  inputs, of_g = spec.split("->")
  of_a, of_b = inputs.split(",")
  return f"{of_g},{of_b}->{of_a}", f"{of_a},{of_g}->{of_b}"


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 3))
def rounded_product(spec: str, a: jax.Array, b: jax.Array, dtype: str) -> jax.Array:
  """jnp.einsum(spec, a, b), products and result in `dtype`; each gradient in its factor's type.

  A weight is a float32 factor, so that the sum of its gradient over a batch is float32.
  """
  if dtype == "float32":
    return jnp.einsum(spec, a, b, precision=jax.lax.Precision.HIGHEST)
  return _product_as(spec, a, b, dtype, dtype)


def _rounded_forward(spec, a, b, dtype):
  return rounded_product(spec, a, b, dtype), (a, b)


def _rounded_backward(spec, dtype, kept, g):
  a, b = kept
  of_a, of_b = _transposed(spec)
  return _product_as(of_a, g, b, dtype, a.dtype), _product_as(of_b, a, g, dtype, b.dtype)


rounded_product.defvjp(_rounded_forward, _rounded_backward)


def _product_as(spec, a, b, dtype, result):
  precision = jax.lax.Precision.HIGHEST if dtype == "float32" else None
  return jnp.einsum(
    spec, a.astype(dtype), b.astype(dtype), precision=precision, preferred_element_type=result
  )


@jax.custom_vjp
def add_bias(y: jax.Array, bias: jax.Array) -> jax.Array:
  """y + bias, broadcast, in y's type; the bias's gradient is summed in float32."""
  return y + bias.astype(y.dtype)


def _bias_forward(y, bias):
  return add_bias(y, bias), bias


def _bias_backward(bias, g):
  summed = [*range(g.ndim - bias.ndim)]
  summed += [n - bias.ndim for n, size in enumerate(bias.shape) if size == 1]
  of_bias = jnp.sum(g.astype(jnp.float32), summed).reshape(bias.shape)
  return g, of_bias.astype(bias.dtype)


add_bias.defvjp(_bias_forward, _bias_backward)


class Dense(nn.Module):
  """A linear map over the last axis; products in `dtype`, sums in float32.

  The result is float32, or in `dtype` if it `rounds`.
  """

  features: tuple[int, ...]
  dtype: str = "float32"
  rounds: bool = False

  @nn.compact
  def __call__(self, x_BLD: jax.Array) -> jax.Array:
    width = x_BLD.shape[-1]
    kernel = self.param("kernel", INIT, (width, *self.features))
    bias = self.param("bias", nn.initializers.zeros, self.features)
    if self.rounds:
      y = rounded_product("bld,df->blf", x_BLD, kernel.reshape(width, -1), self.dtype)
      y = add_bias(y, bias.reshape(-1))
    else:
      y = product("bld,df->blf", x_BLD, kernel.reshape(width, -1), self.dtype)
      y = y + bias.reshape(-1)
    return y.reshape(*x_BLD.shape[:-1], *self.features)
