"""Row-sparse AdamW against dense AdamW: NumPy in float64, optax, and the real train step."""

import functools
import json
import signal
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from labse_jax import train as trainer
from labse_jax.base.errors import InputError
from labse_jax.tasks import dual_encoder, pretrain
from labse_jax.training import optim, row_sparse
from tests.support import tiny

V, D = 128, 8
STEPS, GAP = 60, 300
ADAM = dict(clip=1.0, b1=0.9, b2=0.98, epsilon=1e-12, weight_decay=0.1)
rate_at = functools.partial(optim.learning_rate, total=500, peak=1e-2, warmup=0.1, decay="linear")


def start(adam, table_VD):
  params = {"bert": {"word_embedding": jnp.float32(table_VD), "bias": jnp.zeros(D)}}
  opt = optim.transformation(**adam).init(params)
  return {"params": params, "opt": opt, "step": jnp.int32(0), "rows": row_sparse.init(params)}


def loss(params, tokens, target):
  """Whose gradient depends on the rows as they are when they are looked up."""
  x = params["bert"]["word_embedding"][tokens] + params["bert"]["bias"]
  return 0.5 * jnp.mean((x - target) ** 2)


def make_step(adam, sparse):
  tx = optim.transformation(**adam)

  def update(state, tokens, target):
    grads = jax.grad(loss)(state["params"], tokens, target)
    updates, opt = tx.update(grads, state["opt"], state["params"])
    params = jax.tree.map(lambda p, u: p - rate_at(state["step"]) * u, state["params"], updates)
    return state | {"params": params, "opt": opt, "step": state["step"] + 1}

  def sparse_update(state, tokens, target):
    small, small_tokens, ids_U = row_sparse.narrow(state, tokens, rate_at, **adam)
    return row_sparse.widen(state, update(small, small_tokens, target), ids_U)

  return jax.jit(sparse_update if sparse else update, donate_argnums=0)


def settle(state, adam=ADAM):
  return jax.jit(lambda state: row_sparse.settle(state, rate_at, **adam))(state)


def table_of(state):
  return np.asarray(state["params"]["bert"]["word_embedding"], np.float64)


def batches():
  """60 random ones, 300 of rows 0 to 7 only, one of rows that waited; rows from 100 on never."""
  rng = np.random.default_rng(1)
  for n in range(STEPS + GAP + 1):
    rows = np.arange(8) if STEPS <= n < STEPS + GAP else np.arange(40)
    tokens = rng.choice(rows, (2, 9))  # Some of them twice, padding's 0 among them.
    if n < 20:
      tokens[0, 0] = 50 + n  # Looked up once.
    yield tokens, rng.normal(size=(2, 9, D))


def numpy_adamw(table_VD, adam):
  """The same in float64, every row in every step."""
  p, bias = np.array(table_VD, np.float64), np.zeros(D)
  m, v, m_bias, v_bias = np.zeros_like(p), np.zeros_like(p), np.zeros(D), np.zeros(D)
  for n, (tokens, target) in enumerate(batches()):
    difference = (p[tokens] + bias - target) / target.size
    g = np.zeros_like(p)
    np.add.at(g, tokens, difference)
    g_bias = difference.sum((0, 1))
    shrink = max(np.sqrt((g**2).sum() + (g_bias**2).sum()) / adam["clip"], 1)
    direction = []
    for m_x, v_x, g_x in ((m, v, g / shrink), (m_bias, v_bias, g_bias / shrink)):
      m_x += (1 - adam["b1"]) * (g_x - m_x)
      v_x += (1 - adam["b2"]) * (g_x**2 - v_x)
      m_hat, v_hat = m_x / (1 - adam["b1"] ** (n + 1)), v_x / (1 - adam["b2"] ** (n + 1))
      direction.append(m_hat / (np.sqrt(v_hat) + adam["epsilon"]))
    rate = np.float64(rate_at(n))
    p -= rate * (direction[0] + adam["weight_decay"] * p)
    bias -= rate * direction[1]
  return p, m, v


@pytest.fixture(scope="module")
def table_VD():
  return np.float32(np.random.default_rng(0).normal(size=(V, D)))


@pytest.mark.heavy
@pytest.mark.parametrize("clip", [1.0, 0.05])
def test_all_rows_equal_dense_adamw(table_VD, clip):
  adam = ADAM | {"clip": clip}
  expected, m, v = numpy_adamw(table_VD, adam)
  sparse, dense = start(adam, table_VD), start(adam, table_VD)
  sparse_step, dense_step = make_step(adam, True), make_step(adam, False)
  for tokens, target in batches():
    sparse, dense = sparse_step(sparse, tokens, target), dense_step(dense, tokens, target)
  waiting = table_of(sparse)
  sparse = settle(sparse, adam)
  close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
  close(table_of(sparse), expected)
  close(table_of(sparse), table_of(dense))
  close(sparse["params"]["bert"]["bias"], dense["params"]["bert"]["bias"])
  for name, values in (("mu", m), ("nu", v)):
    (opt,) = (s for s in sparse["opt"] if hasattr(s, name))
    close(getattr(opt, name)["bert"]["word_embedding"], values, atol=1e-5 * np.abs(values).max())
  # What was asked of it is hard: rows that nobody looked up are far from where they began.
  assert np.abs(waiting - expected)[50:].max() > 0.1
  assert (waiting[100:] == table_VD[100:]).all()
  assert (np.asarray(sparse["rows"]["touched"]) == STEPS + GAP + 1).all()


@pytest.mark.heavy
def test_settling_twice_changes_nothing_and_training_goes_on_from_either(table_VD):
  step, steps = make_step(ADAM, True), list(batches())
  state = start(ADAM, table_VD)
  for tokens, target in steps[:40]:
    state = step(state, tokens, target)
  settled = settle(state)
  again = settle(settled)
  jax.tree.map(np.testing.assert_array_equal, settled, again)
  for tokens, target in steps[40:50]:
    state, settled = step(state, tokens, target), step(settled, tokens, target)
  np.testing.assert_allclose(table_of(settle(state)), table_of(settle(settled)), rtol=1e-5)


# (b1, b2, updates before the gap, the share of the motion that is wrong at most)
BOUNDS = [
  (0.9, 0.98, 1, 0.062),
  (0.9, 0.98, 100, 0.0033),
  (0.9, 0.999, 1, 0.05),
  (0.9, 0.999, 100, 0.001),
]


@pytest.mark.heavy
@pytest.mark.parametrize(("b1", "b2", "before", "bound"), BOUNDS)
@pytest.mark.parametrize("epsilon", [1e-8, 1e-5])
def test_the_motion_of_a_gap_is_within_what_is_documented(b1, b2, before, bound, epsilon):
  adam = dict(clip=1e9, b1=b1, b2=b2, epsilon=epsilon, weight_decay=0.0)
  sizes = np.float32(epsilon * np.logspace(-4, 6, 1000))  # Of gradients: far below it, far above.
  m, v, motion = (1 - b1**before) * sizes.astype(float), (1 - b2**before) * sizes**2.0, 0.0
  state = {"params": {"word_embedding": jnp.zeros((1, 1000))}, "step": jnp.int32(before + GAP)}
  state["opt"] = {
    name: {"word_embedding": jnp.float32(x)[None]} for name, x in (("mu", m), ("nu", v))
  }
  state["rows"] = row_sparse.init(state["params"]) | {"touched": jnp.full(1, before)}
  for j in range(1, GAP + 1):
    t = before + j
    m_hat, v_hat = m * b1**j / (1 - b1**t), v * b2**j / (1 - b2**t)
    motion -= np.float64(rate_at(t - 1)) * m_hat / (np.sqrt(v_hat) + epsilon)
  got = settle(state, adam)["params"]["word_embedding"][0]
  wrong = np.abs(got / motion - 1)
  assert 1e-4 * (before < 100) < wrong.max() < bound  # That it is not exact is known, too.
  assert max(wrong[0], wrong[-1]) < 2e-4, wrong[[0, -1]]  # Exact at both ends.


def test_decay_is_kept_over_a_million_steps():
  """One float32 would lose a part of each small decay."""
  rates = np.full(1_000_000, 3.3e-6, np.float32)

  def add(total, x):
    return (row_sparse._add(total, jnp.log1p(-x)), None)

  total, _ = jax.jit(lambda: jax.lax.scan(add, jnp.zeros(2), rates))()
  expected = np.log1p(-rates.astype(np.float64)).sum()
  assert np.asarray(total, np.float64).sum() == pytest.approx(expected, rel=1e-6)
  plain, _ = jax.jit(lambda: jax.lax.scan(lambda t, x: (t - x, None), jnp.float32(0), rates))()
  assert float(plain) != pytest.approx(expected, rel=1e-3)


@pytest.mark.heavy
@pytest.mark.parametrize(
  "tokens",
  [[[0, 0, 0, 0]], [[127, 0, 5, 5]], [list(range(128)) * 2]],
  ids=["only padding", "few", "every row twice"],
)
def test_a_small_batch_knows_its_rows(table_VD, tokens):
  tokens = jnp.array(tokens, jnp.int32)
  state = start(ADAM, table_VD)
  small, places, ids_U = row_sparse.narrow(state, tokens, rate_at, **ADAM)
  table_UD = small["params"]["bert"]["word_embedding"]
  assert table_UD.shape == (V, D) and places.dtype == tokens.dtype
  np.testing.assert_array_equal(table_UD[places], table_VD[tokens])
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(small))
  back = row_sparse.widen(state, small, ids_U)
  np.testing.assert_array_equal(table_of(back), table_VD)
  touched = np.flatnonzero(back["rows"]["touched"])
  np.testing.assert_array_equal(touched, np.unique(tokens))


def test_rates_of_zero_and_rows_never_touched_are_no_nan(table_VD):
  state = start(ADAM, table_VD) | {"step": jnp.int32(900)}

  def zero(step):
    return 0.0 * jnp.float32(step)

  settled = row_sparse.settle(state, zero, **ADAM)
  np.testing.assert_array_equal(table_of(settled), table_VD)


def real_config(folder, **changes):
  """The tiny dual encoder with dropout; a table twice as long as a batch has tokens."""
  config = tiny.config(folder, total_steps=6, save_every=3)
  config.model.update(vocab_size=1000, dropout=0.1)
  config.optim.update(ADAM | {"epsilon": 1e-8})
  with config.unlocked():
    config.update(changes)
  return config


def outcome(workdir):
  """([(loss, gradient norm)] by step, the weights of the model folder)."""
  rows = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
  return [(r["loss"], r["grad_norm"]) for r in rows], load_file(
    workdir / "model" / "model.safetensors"
  )


@pytest.mark.slow
def test_a_real_run_stopped_and_resumed_equals_the_dense_one(folder, tmp_path, monkeypatch):
  seen = {False: [], True: []}
  for sparse, stops in ((False, ()), (True, (3,))):

    def look(encoder, sparse=sparse):
      return seen[sparse].append(encoder.params) or {}

    evaluation = types.SimpleNamespace(every=3, run=look)
    monkeypatch.setattr(trainer, "make_evals", lambda _, evaluation=evaluation: [evaluation])
    config = real_config(folder, row_sparse=sparse)
    with monkeypatch.context() as patch:
      patch.setattr(trainer.Stopper, "asked", lambda self, step: signal.SIGTERM * (step == 3))
      for _ in stops:
        with pytest.raises(SystemExit):
          trainer.train(config, tmp_path / str(sparse))
    trainer.train(config, tmp_path / str(sparse))
  losses, dense_losses = (outcome(tmp_path / str(sparse))[0] for sparse in (True, False))
  np.testing.assert_allclose(losses, dense_losses, rtol=2e-5)
  weights, dense_weights = (outcome(tmp_path / str(sparse))[1] for sparse in (True, False))
  # What the evaluators saw after 3 and 6 steps, and the model folder.
  close = functools.partial(np.testing.assert_allclose, atol=1e-5)
  jax.tree.map(close, [*seen[True], weights], [*seen[False], dense_weights])
  assert len(seen[True]) == 2


def test_with_fsdp_it_is_refused_before_anything_is_written(folder, tmp_path):
  config = real_config(folder, row_sparse=True, mesh={"fsdp": 2})
  with pytest.raises(InputError, match="mesh.fsdp = 2, set 1"):
    trainer.train(config, tmp_path / "run")
  assert not (tmp_path / "run").exists()


def test_a_table_of_its_batch_is_a_task_of_its_own(folder):
  config = tiny.config(folder, batch_rows=2)
  small = row_sparse.narrow_task(dual_encoder.Task(config))
  assert small.model["vocab_size"] == 128 and config.model.vocab_size == 200
  config.batch_rows = 64
  assert row_sparse.narrow_task(dual_encoder.Task(config)).model["vocab_size"] == 256


LOOKS_UP = types.SimpleNamespace(looks_up_only=True)


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    (dict(task=pretrain.Task), "reads all rows of the word table"),
    (dict(fsdp=2), "mesh.fsdp = 2, set 1"),
    (dict(stages=((1, 2),)), "config.stages"),
    (dict(b1=0.995), "b1 = 0.995 must be less than the square root"),
  ],
)
def test_what_would_not_be_dense_adamw_is_refused(changes, words):
  options = ADAM | dict(task=LOOKS_UP, fsdp=1, stages=())
  row_sparse.check(**options)
  row_sparse.check(**options | {"task": dual_encoder.Task})
  with pytest.raises(InputError, match=words):
    row_sparse.check(**options | changes)
