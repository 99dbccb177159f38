"""Decay by path, clipping and Adam against plain NumPy, the schedule's corners, what is frozen."""

import json
import signal

import jax
import numpy as np
import optax
import pytest

from labse_jax import train as trainer
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.data.batches import streams
from labse_jax.models import heads
from labse_jax.training import optim, optimizers
from tests.support import tiny

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


@pytest.mark.heavy
def test_two_steps_equal_numpy():
  rng = np.random.default_rng(0)
  params = {"kernel": rng.normal(size=(3, 4)), "bias": rng.normal(size=4)}
  params = {name: np.float32(value) for name, value in params.items()}
  grads = [
    {k: np.float32(5 * rng.normal(size=v.shape)) for k, v in params.items()} for _ in range(2)
  ]
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
  rate = jax.jit(
    lambda step, total: optim.learning_rate(step, total, peak=2.0, warmup=0.1, decay=decay)
  )
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


FREEZE = ("bert/word_embedding:150", "bert/embedding_norm", "bert/blocks:1")
SHAPES = {
  "bert": {"blocks": {"bias": (3, 2), "up": (3, 2, 4)}, "norm": (2,), "table": (9, 2)},
  "logit_scale": (),
}


def arrays():
  def is_shape(x):
    return isinstance(x, tuple)

  return jax.tree.map(lambda shape: np.ones(shape), SHAPES, is_leaf=is_shape)


@pytest.mark.parametrize(
  ("paths", "expected"),
  [
    ((), (0, 0, 0, 0, 0)),
    (("bert/table",), (0, 0, 0, optim.WHOLE, 0)),
    (("bert/blocks:2", "logit_scale"), (2, 2, 0, 0, optim.WHOLE)),
    (("bert/blocks:3",), (optim.WHOLE, optim.WHOLE, 0, 0, 0)),
    (("bert/blocks:2", "bert/blocks/up", "bert/blocks:1"), (2, optim.WHOLE, 0, 0, 0)),
    (("bert", "bert/table:4"), (optim.WHOLE,) * 4 + (0,)),
    (("bert/table:4",), (0, 0, 0, 4, 0)),
  ],
)
def test_paths_say_what_is_frozen(paths, expected):
  params = arrays()
  rows = optim.frozen_rows(params, paths)
  assert tuple(jax.tree.leaves(rows)) == expected
  free = optim.take_free(params, rows)
  sizes = [
    0 if k == optim.WHOLE else np.size(leaf[k:] if k else leaf)
    for k, leaf in zip(expected, jax.tree.leaves(params), strict=True)
  ]
  assert sum(map(np.size, jax.tree.leaves(free))) == sum(sizes)
  back = optim.put_free(params, jax.tree.map(np.zeros_like, free), rows)
  assert [x.shape for x in jax.tree.leaves(back)] == [x.shape for x in jax.tree.leaves(params)]
  ones = sum(map(np.size, jax.tree.leaves(params))) - sum(sizes)
  assert sum(float(np.sum(x)) for x in jax.tree.leaves(back)) == ones


@pytest.mark.parametrize(
  ("paths", "words"),
  [
    (["bert/block"], r"'bert/block'; did you mean 'bert/blocks'\? Choose from .*'bert/blocks/up'"),
    (["ert"], "Unknown path in config.freeze 'ert'"),
    (["bert/blocks:4"], "'bert/blocks:4': the number must be 1 to 3"),
    (["bert/blocks:0"], "must be 1 to 3"),
    (["bert/blocks:-1"], "must be 1 to 3"),
    (["bert/blocks:two"], "must be 1 to 3"),
    (["bert:2"], "leaves of one length"),
    (["logit_scale:1"], "leaves of one length"),
    (["bert", "logit_scale"], "nothing is left to train"),
  ],
)
def test_paths_that_are_not_there_are_said(paths, words):
  with pytest.raises(InputError, match=words):
    optim.frozen_rows(arrays(), paths)


@pytest.fixture(scope="module")
def batch(folder):
  return next(iter(trainer.make_stages(tiny.config(folder), make_mesh())[0].task.batches()))


def steps(folder, batch, count, *, fsdp=1, **changes):
  """[state, ...] before the first step of the tiny model and after each; metrics of the first."""
  config = tiny.config(folder, total_steps=10, mesh={"fsdp": fsdp})
  config.optim.clip = 1e9
  with config.unlocked():
    config.update(changes)
  mesh = make_mesh(fsdp)
  with jax.set_mesh(mesh):
    (stage,) = trainer.make_stages(config, mesh)
    state, metrics = stage.init(jax.random.key(0)), []
    state["total"] = jax.device_put(np.int32(10), state["total"].sharding)
    states = [jax.device_get(state)]
    for _ in range(count):
      on_devices = streams.to_devices(batch, batch_sharding(mesh))
      state, measured = stage.train_step(state, on_devices, jax.random.key(1))
      states.append(jax.device_get(state))
      metrics.append(measured)
  return states, metrics[0]


@pytest.fixture(scope="module")
def run(folder, batch):
  return steps(folder, batch, 3, freeze=FREEZE)


def moments(state):
  return next(part for part in state["opt"] if hasattr(part, "mu"))


@pytest.mark.heavy
def test_what_is_frozen_keeps_its_bits_and_all_else_moves(run):
  before, after = run[0][0]["params"], run[0][3]["params"]
  rows = jax.tree.leaves(optim.frozen_rows(before, FREEZE))
  leaves = jax.tree_util.tree_leaves_with_path(before), jax.tree.leaves(after), rows
  for (path, old), new, k in zip(*leaves, strict=True):
    k = len(old) if k == optim.WHOLE else k
    np.testing.assert_array_equal(old[:k].view(np.int32), new[:k].view(np.int32))
    moved = [(a != b).any() for a, b in zip(old[k:], new[k:], strict=True)]
    # Of an embedding, the batch uses some rows.
    assert any(moved) if "_embedding" in str(path) else all(moved), path


@pytest.mark.heavy
def test_moments_are_of_what_is_free_alone(run):
  state = run[0][1]
  free = optim.take_free(state["params"], optim.frozen_rows(state["params"], FREEZE))
  mu, nu = moments(state).mu, moments(state).nu

  def shapes(tree):
    return jax.tree.map(np.shape, tree)

  assert shapes(mu) == shapes(nu) == shapes(free)
  assert mu["bert"]["embedding_norm"] == {"bias": None, "scale": None}
  assert mu["bert"]["word_embedding"].shape == (256 - 150, 16)
  assert mu["bert"]["blocks"]["up"]["kernel"].shape == (1, 16, 32)


@pytest.mark.heavy
def test_the_gradient_of_what_is_free_is_that_of_an_unfrozen_run(folder, batch, run):
  """The first moment after one step is (1 - b1) times the gradient."""
  (_, everything), metrics = steps(folder, batch, 1)
  mu = moments(everything).mu
  wanted = optim.take_free(mu, optim.frozen_rows(mu, FREEZE))

  def close(a, b):
    return np.testing.assert_allclose(a, b, atol=1e-7)

  jax.tree.map(close, moments(run[0][1]).mu, wanted)
  norm = float(run[1]["grad_norm"])
  assert norm == pytest.approx(10 * float(optax.tree.norm(wanted)), rel=1e-5)  # b1 = 0.9.
  assert norm < 0.9 * float(metrics["grad_norm"])
  assert float(run[1]["loss"]) == pytest.approx(float(metrics["loss"]), rel=1e-6)


@pytest.mark.heavy
def test_split_over_fsdp_it_trains_the_same(folder, batch, run, monkeypatch):
  split = optimizers.weight_sharding
  monkeypatch.setattr(optimizers, "weight_sharding", lambda *a: split(*a, min_size=1))
  (before, _, four), _ = steps(folder, batch, 2, freeze=FREEZE, fsdp=4)
  table, old = (state["params"]["bert"]["word_embedding"][:150] for state in (four, before))
  np.testing.assert_array_equal(table, old)

  def close(a, b):
    return np.testing.assert_allclose(a, b, atol=2e-5)

  jax.tree.map(close, run[0][2]["params"], four["params"])


@pytest.mark.heavy
def test_stopped_and_resumed_is_bit_identical(folder, tmp_path, monkeypatch):
  config = tiny.config(folder, total_steps=4)
  config.model.dropout = 0.1
  with config.unlocked():
    config.freeze = FREEZE
  trainer.train(config, tmp_path / "straight")
  with monkeypatch.context() as patch:
    patch.setattr(trainer.Stopper, "asked", lambda self, step: signal.SIGTERM * (step == 1))
    with pytest.raises(SystemExit):
      trainer.train(config, tmp_path / "stopped")
  trainer.train(config, tmp_path / "stopped")
  one, two = (tmp_path / name for name in ("straight", "stopped"))
  losses = [
    [(row["loss"], row["grad_norm"]) for row in map(json.loads, lines.splitlines())]
    for lines in ((w / "metrics.jsonl").read_text() for w in (one, two))
  ]
  assert losses[0] == losses[1] and len(losses[0]) == 4
  weights = [(w / "model" / "model.safetensors").read_bytes() for w in (one, two)]
  assert weights[0] == weights[1]


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    (dict(freeze=("bert/layers",)), "Unknown path in config.freeze 'bert/layers'"),
    (dict(freeze=("bert/word_embedding:9",), row_sparse=True), "set row_sparse = False"),
    (dict(freeze=("bert/blocks",), stages=((2, 4),)), "cannot be combined with config.stages"),
  ],
)
def test_what_cannot_be_frozen_is_refused_before_anything_is_made(folder, tmp_path, changes, words):
  config = tiny.config(folder)
  with config.unlocked():
    config.update(changes)
  with pytest.raises(InputError, match=words):
    trainer.train(config, tmp_path / "run")
  assert not (tmp_path / "run").exists()


@pytest.mark.heavy
def test_row_sparse_goes_with_frozen_layers(folder, batch):
  (before, after), _ = steps(folder, batch, 1, freeze=("bert/blocks:1",), row_sparse=True)
  old, new = (state["params"]["bert"]["blocks"]["up"]["kernel"] for state in (before, after))
  np.testing.assert_array_equal(old[0], new[0])
  assert (old[1] != new[1]).any()
