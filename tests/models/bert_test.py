"""The encoder over packed rows: where a sentence lies, and beside what, changes nothing."""

import functools
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.data.batches.packing import pack
from labse_jax.models import bert, heads
from labse_jax.planning.flops import matrix_flops

MODEL = dict(vocab_size=200, width=32, depth=2, heads=4, mlp_width=64, positions=40)
HEAD = dict(pooling="mean", dense=0, normalize=True)
SLOTS, LENGTH = 6, 40


def make_sentences(count=24, seed=0):
  rng = np.random.default_rng(seed)
  return [rng.integers(5, 200, n).astype(np.int32) for n in rng.integers(3, 20, count)]


@pytest.fixture(scope="module")
def params():
  params = jax.jit(lambda key: heads.init(heads.build(MODEL, HEAD), key))(jax.random.key(0))
  leaves, tree = jax.tree.flatten(params)
  rng = np.random.default_rng(1)
  noisy = [jnp.asarray(p + 0.1 * rng.normal(size=p.shape), "float32") for p in leaves]
  return jax.tree.unflatten(tree, noisy)


def encode(
  params, sentences, *, slots=SLOTS, length=LENGTH, extra_rows=0, pooling="mean", **options
):
  """[N, D] of sentences packed into rows of `slots`."""
  arrays, row_N, slot_N = pack([(s,) for s in sentences], length, slots)
  inputs = [
    np.pad(arrays[name][:, 0], ((0, extra_rows), (0, 0)))
    for name in ("tokens", "segments", "positions")
  ]
  module = heads.build(MODEL, dict(HEAD, pooling=pooling), **options)
  z_RSD = jax.jit(module.apply, static_argnames="slots")({"params": params}, *inputs, slots=slots)
  return np.asarray(z_RSD)[row_N, slot_N]


@pytest.mark.heavy
@pytest.mark.parametrize("pooling", ["cls", "max", "mean"])
def test_packed_rows_equal_one_sentence_a_row(params, pooling):
  sentences = make_sentences()
  packed = encode(params, sentences, pooling=pooling)
  padded = encode(params, sentences, slots=1, pooling=pooling)
  np.testing.assert_allclose(packed, padded, atol=1e-5)
  alone = encode(params, sentences[:1], slots=1, length=len(sentences[0]), pooling=pooling)
  np.testing.assert_allclose(packed[:1], alone, atol=1e-5)
  # Random weights must still tell the sentences apart, or the line above says nothing.
  assert (packed @ packed.T - np.eye(len(packed))).max() < 0.999


@pytest.mark.heavy
def test_order_and_padding_change_nothing(params):
  sentences = make_sentences()
  straight = encode(params, sentences)
  order = np.random.default_rng(2).permutation(len(sentences))
  shuffled = encode(params, [sentences[i] for i in order])
  np.testing.assert_allclose(shuffled, straight[order], atol=1e-5)
  padded = encode(params, sentences, slots=2, extra_rows=3)
  np.testing.assert_allclose(padded, straight, atol=1e-5)


def test_order_of_tokens_and_their_positions_do_count(params):
  sentence = make_sentences()[0]
  forth, back = encode(params, [sentence, sentence[::-1]])
  assert np.abs(forth - back).max() > 1e-3


def gradient(params, **options):
  arrays, _, _ = pack([(s,) for s in make_sentences()], LENGTH, SLOTS)
  inputs = [
    np.pad(arrays[name][:, 0], ((0, 2), (0, 0))) for name in ("tokens", "segments", "positions")
  ]
  used = np.pad(arrays["mask"], ((0, 2), (0, 0)))
  assert not used.all()  # Empty slots and empty rows are in the batch.
  module = heads.build(MODEL, HEAD, **options)
  target = np.random.default_rng(4).normal(size=(*used.shape, 32))

  def loss(params):
    z_RSD = module.apply(
      {"params": params}, *inputs, slots=SLOTS, train=True, rngs={"dropout": jax.random.key(5)}
    )
    return jnp.sum(jnp.where(used[..., None], z_RSD * target, 0))

  return jax.jit(jax.value_and_grad(loss))(params)


@pytest.fixture(scope="module")
def plain(params):
  return gradient(params)


@pytest.mark.heavy
@pytest.mark.parametrize(
  "options", [dict(remat=True), dict(unroll=True), dict(remat=True, unroll=True)], ids=str
)
def test_remat_and_unroll_give_the_same_values_and_gradients(params, plain, options):
  other = gradient(params, **options)
  for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(other), strict=True):
    scale = np.abs(a).max() + 1e-6
    np.testing.assert_allclose(a / scale, b / scale, atol=1e-5)


def test_gradient_is_finite_with_empty_slots_and_reaches_every_weight(plain):
  _, grads = plain
  for path, leaf in jax.tree_util.tree_leaves_with_path(grads):
    assert np.isfinite(leaf).all(), path
    assert np.abs(leaf).max() > 0, path


@pytest.mark.heavy
def test_bfloat16_keeps_the_direction(params):
  sentences = make_sentences(64)
  full, half = encode(params, sentences), encode(params, sentences, dtype="bfloat16")
  assert half.dtype == np.float32
  assert np.sum(full * half, 1).min() > 0.999
  assert np.abs(full - half).max() > 1e-5  # It did compute in bfloat16.


@pytest.mark.heavy
def test_bfloat16_multiplies_in_bfloat16_on_the_way_back_too(params):
  arrays, _, _ = pack([(s,) for s in make_sentences()], LENGTH, SLOTS)
  inputs = [arrays[name][:, 0] for name in ("tokens", "segments", "positions")]
  weight_RSD = np.random.default_rng(2).normal(size=(len(inputs[0]), SLOTS, 32))

  def gradient_of(dtype):
    module = heads.build(MODEL, HEAD, dtype=dtype)
    return jax.grad(
      lambda params: (module.apply({"params": params}, *inputs, slots=SLOTS) * weight_RSD).sum()
    )

  flops = {
    dtype: matrix_flops(jax.make_jaxpr(gradient_of(dtype))(params))
    for dtype in ("float32", "bfloat16")
  }
  pooling = flops["bfloat16"].pop("float32 highest")
  assert pooling < 0.1 * flops["float32"]["float32 highest"]
  assert flops["bfloat16"] == {"bfloat16": flops["float32"]["float32 highest"] - pooling}
  got, expected = (jax.tree.leaves(gradient_of(dtype)(params)) for dtype in ("bfloat16", "float32"))

  def flat(leaves):
    return np.concatenate([np.ravel(leaf) for leaf in leaves])

  got, expected = flat(got), flat(expected)
  assert got @ expected > 0.999 * np.linalg.norm(got) * np.linalg.norm(expected)


@pytest.mark.heavy
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_layers_one_by_one_give_what_the_scan_gives(params, dtype):
  flat = {"bert": bert.unstack(params["bert"], dtype)}
  assert flat["bert"]["block_1"]["up"]["kernel"].shape == (32, 64)
  assert {
    str(x.dtype)
    for path, x in jax.tree_util.tree_leaves_with_path(flat)
    if path[-1].key == "kernel"
  } == {dtype}
  arrays, _, _ = pack([(s,) for s in make_sentences()], LENGTH, SLOTS)
  inputs = [arrays[name][:, 0] for name in ("tokens", "segments", "positions")]
  module = heads.build(MODEL, HEAD, dtype=dtype)
  one_by_one = module.clone(bert=module.bert.clone(unstacked=True))
  scanned_RSD = module.apply({"params": params}, *inputs, slots=SLOTS)
  np.testing.assert_allclose(
    one_by_one.apply({"params": flat}, *inputs, slots=SLOTS),
    scanned_RSD,
    atol=1e-6 if dtype == "float32" else 1e-2,
  )


def test_gelu_and_its_slope_are_those_of_float64():
  x = np.concatenate([np.linspace(-12, 12, 4001), [0.0, -1e-30, 1e4, -1e4]]).astype(np.float32)
  phi = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in np.float64(x)])
  density = np.exp(-(np.float64(x) ** 2) / 2) / math.sqrt(2 * math.pi)
  np.testing.assert_allclose(jax.jit(bert.gelu)(x), x * phi, rtol=2e-7, atol=1e-6)
  slope = jax.jit(jax.vmap(jax.grad(bert.gelu)))(x)
  np.testing.assert_allclose(slope, phi + x * density, rtol=2e-7, atol=1e-6)


@pytest.fixture(scope="module")
def bare():
  """Parameters of the same model without layers."""
  return initialised(0)


def initialised(depth):
  module = heads.build(dict(MODEL, depth=depth), HEAD)
  return jax.jit(lambda key: heads.init(module, key))(jax.random.key(depth))


@pytest.mark.heavy
@pytest.mark.parametrize("depth", [1, 2])
def test_the_first_layers_keep_the_vectors_whatever_the_norm_has_learned(bare, depth):
  fresh = initialised(depth)
  rng = np.random.default_rng(3)
  for scale, shift in ((1.0, 0.0), (0.01, 0.0), (-3.0, 0.5), (40.0, -7.0)):
    norm = {
      "scale": jnp.asarray(scale * rng.normal(1, 0.3, 32), "float32"),
      "bias": jnp.asarray(rng.normal(shift, 0.3, 32), "float32"),
    }
    shallow = dict(bare["bert"], embedding_norm=norm)
    grown = bert.with_first_layers(shallow, fresh["bert"])
    chex.assert_trees_all_equal_shapes_and_dtypes(grown, fresh["bert"])
    before_RSD = vectors({"bert": shallow}, 0)
    np.testing.assert_allclose(vectors({"bert": grown}, depth), before_RSD, atol=1e-6)
    assert shallow["embedding_norm"] is norm  # The old parameters are still what they were.


@functools.partial(jax.jit, static_argnums=1)
def vectors(params, depth):
  arrays, _, _ = pack([(s,) for s in make_sentences()], LENGTH, SLOTS)
  inputs = [arrays[name][:, 0] for name in ("tokens", "segments", "positions")]
  module = heads.build(dict(MODEL, depth=depth), HEAD)
  return module.apply({"params": params}, *inputs, slots=SLOTS)


@pytest.mark.heavy
def test_the_first_layers_can_learn(bare):
  grown = {"bert": bert.with_first_layers(bare["bert"], initialised(2)["bert"])}
  weight_RSD = np.random.default_rng(2).normal(size=vectors(grown, 2).shape)
  grads = jax.jit(jax.grad(lambda params: (vectors(params, 2) * weight_RSD).sum()))(grown)
  for name in ("attention_out", "down"):
    for layer in range(2):
      assert np.abs(grads["bert"]["blocks"][name]["kernel"][layer]).max() > 1e-4, (name, layer)


def test_a_model_without_layers_has_no_arrays_of_them(bare):
  assert "blocks" not in bare["bert"]
  assert bert.unstack(bare["bert"], "float32").keys() == bare["bert"].keys()


def test_xlm_r_and_mpnet_do_not_count_a_spelled_padding_token():
  """transformers' rule, sentence by sentence: a running count of the other tokens."""
  rng = np.random.default_rng(0)
  offset = 2
  tokens_BL = rng.integers(0, 4, (6, 30))  # The id 1 is the padding.
  positions_BL = np.zeros((6, 30), int)
  expected_BL = np.zeros((6, 30), int)
  for row in range(6):
    cuts = np.sort(rng.choice(np.arange(1, 30), 3, replace=False))
    for start, end in zip([0, *cuts], [*cuts, 30], strict=True):
      positions_BL[row, start:end] = np.arange(end - start)
      counts_L = tokens_BL[row, start:end] != 1
      expected_BL[row, start:end] = np.where(counts_L, counts_L.cumsum() + 1, 1)
  got_BL = bert.position_rows(jnp.asarray(tokens_BL), jnp.asarray(positions_BL), offset)
  np.testing.assert_array_equal(got_BL, expected_BL)
  assert (expected_BL != positions_BL + offset).sum() > 50
