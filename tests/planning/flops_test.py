"""Matrix arithmetic is counted exactly, however deep the product stands."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.base.sharding import BATCH, make_mesh
from labse_jax.models import heads
from labse_jax.planning.flops import attention_flops, matrix_flops

X, W = jnp.zeros((5, 7)), jnp.zeros((7, 7))
ONE = 2 * 5 * 7 * 7


def counted(function, *args):
  return sum(matrix_flops(jax.make_jaxpr(function)(*args)).values())


def scanned(x, w):
  return jax.lax.scan(lambda c, _: (jnp.tanh(c @ w), None), x, None, length=11)[0]


def test_a_product_in_a_scan_counts_as_often_as_it_runs():
  assert counted(scanned, X, W) == 11 * ONE
  assert counted(lambda x, w: jax.lax.map(lambda _: x @ w, jnp.arange(3)), X, W) == 3 * ONE


def test_a_gradient_is_twice_more_and_remat_the_forward_again():
  def loss(x, w):
    return jnp.tanh(jnp.sin(x @ w) @ w).sum()

  plain = counted(jax.grad(loss, (0, 1)), X, W)
  assert plain == 6 * ONE
  assert counted(jax.grad(jax.checkpoint(loss), (0, 1)), X, W) == 8 * ONE


@pytest.mark.parametrize(
  ("equation", "a", "b", "expected"),
  [
    ("ij,jk->ik", (2, 3), (3, 4), 2 * 2 * 3 * 4),
    ("bij,bjk->bik", (9, 2, 3), (9, 3, 4), 9 * 48),
    ("blhk,bmhk->bhlm", (2, 5, 3, 4), (2, 6, 3, 4), 2 * 2 * 3 * 5 * 6 * 4),
    ("ijk,jk->i", (2, 3, 4), (3, 4), 2 * 24),
    ("i,j->ij", (3,), (4,), 24),
  ],
)
def test_products_of_every_kind(equation, a, b, expected):
  einsum = functools.partial(jnp.einsum, equation)
  assert counted(einsum, jnp.zeros(a), jnp.zeros(b)) == expected


def test_a_convolution():
  lhs, rhs = jnp.zeros((2, 3, 10)), jnp.zeros((5, 3, 4))  # NCW, OIW

  def conv(a, b):
    return jax.lax.conv_general_dilated(a, b, (1,), "VALID")

  assert counted(conv, lhs, rhs) == 2 * (2 * 5 * 7) * (3 * 4)


def test_types_are_kept_apart():
  def both(x, w):
    return (
      x @ w,
      x.astype(jnp.bfloat16) @ w.astype(jnp.bfloat16),
      jnp.matmul(x, w, precision="highest"),
    )

  assert matrix_flops(jax.make_jaxpr(both)(X, W)) == dict.fromkeys(
    ("float32", "bfloat16", "float32 highest"), ONE
  )


def test_the_dearest_branch_counts():
  def choose(x, w):
    return jax.lax.cond(x[0, 0] > 0, lambda: x @ w @ w, lambda: x @ w)

  assert counted(choose, X, W) == 2 * ONE


def test_custom_derivatives_and_calls_are_looked_into():
  square = jax.custom_vjp(lambda x, w: x @ w)
  square.defvjp(lambda x, w: (x @ w, (x, w)), lambda r, g: (g @ r[1].T, r[0].T @ g))
  assert counted(jax.jit(square), X, W) == ONE
  assert counted(jax.grad(lambda x, w: square(x, w).sum(), (0, 1)), X, W) == 3 * ONE


def test_what_each_device_does_counts_for_each():
  mesh = make_mesh(fsdp=2)
  with jax.set_mesh(mesh):
    split = jax.shard_map(
      lambda x, w: x @ w, in_specs=(jax.P(BATCH), jax.P()), out_specs=jax.P(BATCH)
    )
    whole = jax.make_jaxpr(split)(jnp.zeros((40, 7)), W)
  assert matrix_flops(whole) == {"float32": 8 * ONE}


def test_a_loop_without_a_length_is_refused_only_for_its_products():
  def loop(body):
    return lambda x, w: jax.lax.while_loop(lambda c: c[0, 0] < 9, body(w), x)

  assert counted(loop(lambda w: lambda c: c + 1), X, W) == 0
  with pytest.raises(NotImplementedError, match="while loop"):
    counted(loop(lambda w: lambda c: c @ w), X, W)


def model_flops(depth, remat=False):
  model = dict(vocab_size=64, width=16, depth=depth, heads=2, mlp_width=32, positions=8)
  module = heads.build(model, dict(pooling="mean", dense=0), remat=remat)
  tokens_BL = np.ones((4, 8), np.int32)
  params = jax.eval_shape(lambda: heads.init(module, jax.random.key(0)))

  def loss(params):
    return module.apply({"params": params}, tokens_BL, tokens_BL, tokens_BL, slots=1).sum()

  return counted(jax.grad(loss), params)


def test_arithmetic_is_linear_in_depth_and_remat_costs_more():
  three, six, twelve = (model_flops(depth) for depth in (3, 6, 12))
  assert twelve - six == 2 * (six - three) > 0
  assert six < model_flops(6, remat=True) < 1.5 * six


def splash(length, grad):
  """The matrix arithmetic of Pallas's splash kernel over [2, 3, length, 64] queries."""
  from jax.experimental.pallas.ops.tpu.splash_attention import (
    splash_attention_kernel,
    splash_attention_mask,
  )

  mask = splash_attention_mask.MultiHeadMask([splash_attention_mask.FullMask((length,) * 2)] * 3)
  attend = jax.vmap(splash_attention_kernel.make_splash_mha_single_device(mask))

  def loss(q, k, v):
    return attend(q, k, v).astype(jnp.float32).sum()

  x = jax.ShapeDtypeStruct((2, 3, length, 64), jnp.bfloat16)
  function = jax.grad(loss, (0, 1, 2)) if grad else loss
  return matrix_flops(jax.make_jaxpr(function)(x, x, x))


def test_a_kernel_of_attention_counts_by_its_shapes():
  product = 2 * 2 * 3 * 256 * 256 * 64
  assert sum(splash(256, grad=False).values()) == 2 * product
  # Beside its kernels, the way back sums the vectors times their gradients.
  sums = 2 * 2 * 3 * 256 * 64
  assert sum(splash(256, grad=True).values()) == (2 + 4 + 3) * product + sums


@pytest.mark.parametrize(
  ("name", "operands", "products"),
  [
    ("dot_product_attention_fwd", [((2, 128, 12, 64), "bfloat16")], 2),
    ("dot_product_attention_bwd", [((2, 128, 12, 64), "bf16")], 5),
    ("flash_dkv", [((12, 4, 4), "int8"), ((2, 12, 128, 64), "bf16")], 4),
    ("flash_dq", [((2, 128), "f32"), ((2, 12, 128, 64), "bf16")], 3),
    ("flash", [((2, 128), "f32")], 0),
  ],
)
def test_the_queries_are_found_among_the_operands(name, operands, products):
  assert attention_flops(name, operands) == products * 2 * 2 * 12 * 128 * 128 * 64
