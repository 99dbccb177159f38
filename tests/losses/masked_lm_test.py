import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.base.sharding import BATCH, make_mesh
from labse_jax.losses.masked_lm import NEVER, masked_lm, vocabulary_lse

M, V, D = 16, 48, 8


def inputs(seed=0):
  rng = np.random.default_rng(seed)
  x_MD, table_VD = rng.normal(size=(M, D)), rng.normal(size=(V, D))
  bias_V, weight_M = rng.normal(size=V), rng.random(M)
  return x_MD, rng.integers(0, V, M), table_VD, bias_V, weight_M


def oracle(x_MD, labels_M, table_VD, bias_V, weight_M):
  """The weighted sum of losses and its gradients of x, table and bias, dense in float64."""
  s_MV = x_MD @ table_VD.T + bias_V
  p_MV = np.exp(s_MV - s_MV.max(1, keepdims=True))
  p_MV /= p_MV.sum(1, keepdims=True)
  loss_M = -np.log(p_MV[np.arange(M), labels_M])
  g_MV = weight_M[:, None] * (p_MV - np.eye(V)[labels_M])
  return weight_M @ loss_M, (g_MV @ table_VD, g_MV.T @ x_MD, g_MV.sum(0)), loss_M


def on_mesh(mesh, chunk):
  """x, labels, table, bias -> (loss_M, hit_M), split as the task splits them."""
  split, vocabulary = jax.P(BATCH), jax.P("fsdp")
  return jax.shard_map(
    functools.partial(masked_lm, chunk=chunk, axis_name=BATCH),
    mesh=mesh,
    in_specs=(split, split, vocabulary, vocabulary),
    out_specs=(split, split),
  )


def close(got, wanted, tolerance=1e-5):
  assert np.abs(got - wanted).max() <= tolerance * np.abs(wanted).max()


@pytest.mark.heavy
@pytest.mark.parametrize("chunk", [1, 5, 8, 48, 1000])
@pytest.mark.parametrize(
  ("devices", "fsdp"), [(1, 1), (2, 1), (2, 2), (4, 2), (8, 1), (8, 4), (8, 8)]
)
def test_loss_and_gradients_equal_a_dense_float64_oracle(devices, fsdp, chunk):
  x_MD, labels_M, table_VD, bias_V, weight_M = inputs()
  mesh = make_mesh(fsdp, jax.devices()[:devices])
  wanted, gradients, loss_M = oracle(x_MD, labels_M, table_VD, bias_V, weight_M)
  floats = [jnp.float32(a) for a in (x_MD, table_VD, bias_V)]

  @jax.jit
  def total(x_MD, table_VD, bias_V):
    loss_M, _ = on_mesh(mesh, chunk)(x_MD, jnp.int32(labels_M), table_VD, bias_V)
    return loss_M @ jnp.float32(weight_M), loss_M

  (value, got_M), got = jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True)(*floats)
  close(np.float64(value), wanted)
  close(np.asarray(got_M, np.float64), loss_M)
  for mine, oracles in zip(got, gradients, strict=True):
    close(np.asarray(mine, np.float64), oracles)


@pytest.mark.parametrize("chunk", [7, 16])
def test_hits_are_the_largest_logits(chunk):
  x_MD, labels_M, table_VD, bias_V, _ = inputs(1)
  best_M = (x_MD @ table_VD.T + bias_V).argmax(1)
  labels_M[::2] = best_M[::2]
  floats = [jnp.float32(a) for a in (x_MD, table_VD, bias_V)]
  with jax.set_mesh(make_mesh(2)):
    _, hit_M = jax.jit(on_mesh(None, chunk))(floats[0], jnp.int32(labels_M), *floats[1:])
  np.testing.assert_array_equal(hit_M, labels_M == best_M)
  assert 0 < hit_M.sum() < M


@pytest.mark.heavy
def test_rows_with_the_bias_never_are_no_entries():
  x_MD, labels_M, table_VD, bias_V, _ = inputs(2)
  labels_M %= 40
  short = oracle_lse(x_MD, table_VD[:40], bias_V[:40])
  bias_V[40:] = NEVER
  x_MD, bias_V, labels_M = jnp.float32(x_MD), jnp.float32(bias_V), jnp.int32(labels_M)

  def value(table_VD):
    return vocabulary_lse(x_MD, labels_M, table_VD, bias_V, 9)[0].sum()

  total, gradient_VD = jax.value_and_grad(value)(jnp.float32(table_VD))
  np.testing.assert_allclose(total, short.sum(), rtol=1e-6)
  assert np.all(np.asarray(gradient_VD)[40:] == 0) and np.any(np.asarray(gradient_VD)[:40])


def oracle_lse(x_MD, table_VD, bias_V):
  return np.log(np.exp(x_MD @ table_VD.T + bias_V).sum(1))


@pytest.mark.heavy
def test_bfloat16_products_stay_near_float32():
  x_MD, labels_M, table_VD, bias_V, _ = inputs(3)
  args = jnp.int32(labels_M), jnp.float32(table_VD), jnp.float32(bias_V), 16
  exact = vocabulary_lse(jnp.float32(x_MD), *args)
  rounded = vocabulary_lse(jnp.bfloat16(x_MD), *args)
  for a, b in zip(exact, rounded, strict=True):
    assert b.dtype == jnp.float32
    np.testing.assert_allclose(a, b, atol=0.1)


@pytest.mark.heavy
def test_large_logits_do_not_overflow():
  x_MD = jnp.full((2, D), 100.0)
  table_VD = jnp.eye(V, D) * 100
  lse_M, label_M, best_M = vocabulary_lse(x_MD, jnp.array([0, V - 1]), table_VD, jnp.zeros(V), 7)
  np.testing.assert_allclose(lse_M, 1e4 + np.log(D), rtol=1e-6)
  np.testing.assert_allclose(label_M, [1e4, 0])
  np.testing.assert_allclose(best_M, 1e4)


def test_the_logits_are_never_formed():
  """Temporary memory stays that of a chunk where the dense loss needs all logits twice."""
  M, V, D, chunk = 256, 65_536, 64, 1_024
  sizes = {(M, D): jnp.float32, (M,): jnp.int32, (V, D): jnp.float32, (V,): jnp.float32}
  shapes = [jax.ShapeDtypeStruct(shape, kind) for shape, kind in sizes.items()]

  def loss(x_MD, labels_M, table_VD, bias_V):
    lse_M, label_M, _ = vocabulary_lse(x_MD, labels_M, table_VD, bias_V, chunk)
    return (lse_M - label_M).sum()

  compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 2, 3))).lower(*shapes).compile()
  assert compiled.memory_analysis().temp_size_in_bytes < 6 * M * chunk * 4 < M * V * 4 / 8


@pytest.mark.parametrize("fsdp", [2, 8])
def test_a_split_table_stays_where_it_is(fsdp):
  """No collective of the compiled loss and gradient is as large as the table or its part."""
  mesh, M, V, D = make_mesh(fsdp), 16, 4_096, 8
  arrays = [jnp.ones((M, D)), jnp.zeros(M, jnp.int32), jnp.ones((V, D)), jnp.zeros(V)]
  specs = [jax.P(BATCH), jax.P(BATCH), jax.P("fsdp"), jax.P("fsdp")]
  arrays = [
    jax.device_put(a, jax.NamedSharding(mesh, spec)) for a, spec in zip(arrays, specs, strict=True)
  ]

  def total(*a):
    return on_mesh(mesh, 512)(*a)[0].sum()

  text = jax.jit(jax.grad(total, argnums=2)).lower(*arrays).compile().as_text()
  assert f"f32[{V},{D}]" not in text
  gathers = [line for line in text.splitlines() if " all-gather(" in line]
  assert gathers and not any(f"[{V // fsdp},{D}]" in line for line in gathers)
