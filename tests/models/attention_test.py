import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import BATCH, make_mesh
from labse_jax.models import attention
from labse_jax.models.bert import Bert

LAYER = attention.Layer(
  kind="TPU v5", length=512, head=64, dtype="bfloat16", relative=False, dropout=False
)
# The largest relative error of the values and of each gradient.
ERRORS = {"float32": 2e-5, "bfloat16": 2e-2}


def inputs(B=2, H=2, L=128, K=16, seed=0):
  """(q, k, v, weights of the outputs), float64 [B, H, L, K], and segments_BL with padding."""
  rng = np.random.default_rng(seed)
  q, k, v, weight = rng.normal(size=(4, B, H, L, K))
  segments_BL = np.sort(rng.integers(1, 5, (B, L)), 1)
  segments_BL[:, -L // 8 :] = 0
  return q, k, v, weight, segments_BL


def oracle(q, k, v, weight, segments_BL, bias_HLL):
  """Attention in float64, and the gradients of the sum of its outputs times `weight`."""
  scale = q.shape[-1] ** -0.5
  s_BHLL = np.einsum("bhlk,bhmk->bhlm", q, k) * scale + bias_HLL
  seen_BLL = segments_BL[:, :, None] == segments_BL[:, None, :]
  s_BHLL = np.where(seen_BLL[:, None], s_BHLL, -np.inf)
  p_BHLL = np.exp(s_BHLL - s_BHLL.max(-1, keepdims=True))
  p_BHLL /= p_BHLL.sum(-1, keepdims=True)
  dp_BHLL = np.einsum("bhlk,bhmk->bhlm", weight, v)
  ds_BHLL = p_BHLL * (dp_BHLL - (dp_BHLL * p_BHLL).sum(-1, keepdims=True))
  of_q = np.einsum("bhlm,bhmk->bhlk", ds_BHLL, k) * scale
  of_k = np.einsum("bhlm,bhlk->bhmk", ds_BHLL, q) * scale
  of_v = np.einsum("bhlm,bhlk->bhmk", p_BHLL, weight)
  return np.einsum("bhlm,bhmk->bhlk", p_BHLL, v), (of_q, of_k, of_v, ds_BHLL.sum(0))


def computed(way, dtype, q, k, v, weight, segments_BL, bias_HLL=None):
  """The same by a way of `attention`."""
  mask_BLL = segments_BL[:, :, None] == segments_BL[:, None, :]

  def loss(q, k, v, bias_HLL):
    sight = attention.Sight(jnp.array(segments_BL), jnp.array(mask_BLL), bias_HLL)
    a_BHLK = attention.attend(way, (q, k, v), sight, lambda p: p, dtype)
    return jnp.sum(a_BHLK.astype(jnp.float32) * weight), a_BHLK

  arguments = [jnp.array(x, dtype) for x in (q, k, v)]
  arguments.append(None if bias_HLL is None else jnp.array(bias_HLL, jnp.float32))
  numbers = range(3 if bias_HLL is None else 4)
  gradients, a_BHLK = jax.jit(jax.grad(loss, tuple(numbers), has_aux=True))(*arguments)
  return a_BHLK, gradients


def check_near(found, expected, dtype):
  scale = np.abs(expected).max()
  np.testing.assert_allclose(np.float64(found) / scale, expected / scale, atol=ERRORS[dtype])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("way", ["cpu", "xla", pytest.param("splash", marks=pytest.mark.heavy)])
def test_every_way_is_attention_in_float64(way, dtype):
  given = inputs(L=256 if way == "splash" else 64)
  value, gradients = oracle(*given, bias_HLL=0)
  found, found_gradients = computed(way, dtype, *given)
  assert found.dtype == dtype
  check_near(found, value, dtype)
  for one, expected in zip(found_gradients, gradients, strict=False):
    check_near(one, expected, dtype)


@pytest.mark.parametrize("way", ["cpu", "xla"])
def test_a_bias_by_distance_and_its_gradient(way):
  given = inputs(L=32)
  bias_HLL = np.random.default_rng(1).normal(size=(2, 32, 32))
  value, gradients = oracle(*given, bias_HLL)
  found, found_gradients = computed(way, "float32", *given, bias_HLL)
  check_near(found, value, "float32")
  for one, expected in zip(found_gradients, gradients, strict=True):
    check_near(one, expected, "float32")


def tiny(**fields):
  sizes = dict(vocab_size=100, width=32, depth=2, heads=2, mlp_width=64, dropout=0.0)
  return Bert(**sizes, **({"attention_dropout": 0.0} | fields))


def tokens(B=8, L=128):
  rng = np.random.default_rng(0)
  tokens_BL = rng.integers(5, 100, (B, L))
  segments_BL = np.sort(rng.integers(1, 4, (B, L)), 1)
  return tokens_BL, segments_BL, np.tile(np.arange(L), (B, 1))


@pytest.mark.parametrize("way", ["xla", pytest.param("splash", marks=pytest.mark.heavy)])
def test_a_model_has_the_same_parameters_and_vectors_by_every_way(way):
  given = tokens()
  params = tiny(attention="cpu").init(jax.random.key(0), *given)
  other = jax.eval_shape(tiny(attention=way).init, jax.random.key(0), *given)
  assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, other)
  expected = tiny(attention="cpu").apply(params, *given)
  found = tiny(attention=way).apply(params, *given)
  np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.heavy
def test_splash_is_split_over_devices():
  given = tokens()
  model = tiny(attention="splash", dtype="bfloat16")
  params = model.init(jax.random.key(0), *given)
  alone = model.apply(params, *given)
  mesh = make_mesh()
  assert mesh.size == 8
  with jax.set_mesh(mesh):
    split = [jax.device_put(a, jax.NamedSharding(mesh, jax.P(BATCH))) for a in given]
    found = jax.jit(model.apply)(params, *split)
  assert not found.sharding.is_fully_replicated
  np.testing.assert_array_equal(np.float32(found), np.float32(alone))


def test_the_way_of_each_platform():
  assert attention.best_way("cpu", LAYER) == "cpu"
  assert attention.best_way("gpu", LAYER) == "cudnn"
  assert attention.best_way("tpu", LAYER) == "splash"
  assert attention.best_way("tpu", LAYER._replace(length=128)) == "xla"
  assert attention.best_way("tpu", LAYER._replace(kind="TPU v3")) == "xla"


@pytest.mark.parametrize(
  "change",
  [
    {"relative": True},
    {"dropout": True},
    {"dtype": "float32"},
  ],
)
def test_what_no_fused_kernel_can_do_is_left_to_xla(change):
  for platform in ("gpu", "tpu"):
    assert attention.best_way(platform, LAYER._replace(**change)) == "xla"
  for way, platform in (("cudnn", "gpu"), ("splash", "tpu")):
    assert attention.reason_against(way, platform, LAYER._replace(**change))


@pytest.mark.parametrize("head", [60, 256])
def test_cudnn_takes_not_every_head(head):
  assert attention.best_way("gpu", LAYER._replace(head=head)) == "xla"


def test_splash_takes_rows_of_a_multiple_of_its_lanes():
  assert attention.best_way("tpu", LAYER._replace(length=320)) == "xla"
  assert "320" in attention.reason_against("splash", "tpu", LAYER._replace(length=320))


def test_a_kernel_runs_on_its_own_platform():
  assert attention.reason_against("cudnn", "cpu", LAYER) == "this is no GPU"
  assert attention.reason_against("cudnn", "tpu", LAYER) == "this is no GPU"
  assert attention.reason_against("splash", "gpu", LAYER) == "this is no TPU"
  assert attention.reason_against("splash", "cpu", LAYER) is None  # Pallas interprets it there.


def test_an_encoder_knows_no_other_way():
  module = Bert(vocab_size=50, width=16, depth=1, heads=2, mlp_width=32, attention="flash")
  with pytest.raises(InputError, match="Unknown attention 'flash'; did you mean 'splash'"):
    module.way(128, train=False)


@pytest.mark.heavy
def test_weights_are_dropped_at_their_own_rate():
  given = tokens(L=32)
  params = tiny().init(jax.random.key(0), *given)
  plain = tiny().apply(params, *given)

  def trained(**fields):
    rngs = {"dropout": jax.random.key(1)}
    return tiny(**fields).apply(params, *given, train=True, rngs=rngs)

  np.testing.assert_array_equal(trained(), plain)
  for way in ("cpu", "xla"):
    assert np.abs(trained(attention=way, attention_dropout=0.5) - plain).max() > 1e-3


@pytest.mark.parametrize(("way", "rounded"), [("cpu", False), ("xla", True)])
def test_on_accelerators_products_of_activations_come_out_in_bfloat16(way, rounded):
  given = tokens()
  model = tiny(attention=way, dtype="bfloat16")
  params = jax.eval_shape(model.init, jax.random.key(0), *given)
  step = jax.grad(lambda params: jnp.sum(model.apply(params, *given), dtype=jnp.float32))
  text = jax.jit(step).trace(params).lower(lowering_platforms=("tpu",)).as_text()
  results = re.findall(r"dot_general .*-> tensor<([\dx]+)x(\w+)>", text)
  assert len(results) > 10
  # One number a token and dimension at least; of weights, and of their gradients, there are fewer.
  of_activations = [
    dtype for shape, dtype in results if math.prod(map(int, shape.split("x"))) >= 8 * 128 * 32
  ]
  assert (set(of_activations) == {"bf16"}) == rounded
