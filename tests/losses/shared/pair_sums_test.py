"""Sums over all pairs: extreme logits, memory and bytes at 65,536."""

import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import BATCH, make_mesh
from labse_jax.losses.shared.exchange import Spread
from labse_jax.losses.shared.pair_sums import softmax_sums
from labse_jax.planning.collectives import by_kind, collectives
from tests.support import loss_oracles as oracles

SCALE = 100.0
OPTIONS = {
  "margin_softmax": {"scale": 20.0, "margin": 0.3},
  "hard_contrastive": {"temperature": 0.1},
  "soft_contrastive": {"temperature": 0.1, "teacher_temperature": 0.1},
  "tcm": {"temperature": 0.1, "teacher_temperature": 0.1, "cross": 1 / 3},
  "mse_distillation": {},
  "similarity_distillation": {},
  "hard_negative_ranking": {"scale": 20.0, "margin": 0.3},
  "sigmoid": {"scale": 10.0, "bias": -10.0},
}


def sums_and_gradients(where):
  """(x, y) -> ((sum of all log-sum-exp, each of them), gradients), of vectors without a pair."""
  own_b1, mask_b = np.arange(oracles.B, dtype=np.uint32)[:, None], np.ones(oracles.B, bool)

  def run(x_bD, y_bD, ids_b1, mask_b):
    of = {"ids": ids_b1, "mask": mask_b}
    sums = softmax_sums(SCALE * x_bD, y_bD, of, of, where.spread)
    return tuple(side["lse"] for side in sums)

  mapped = jax.shard_map(
    run,
    mesh=make_mesh(where.fsdp, jax.devices()[: where.devices]),
    in_specs=jax.P(BATCH),
    out_specs=jax.P(BATCH),
  )

  def total(x_bD, y_bD):
    sums = mapped(x_bD, y_bD, own_b1, mask_b)
    return sums[0].sum() + sums[1].sum(), sums

  return jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))


def softmax_of_others(x, y):
  """The same in float64: log-sum-exp of rows and columns, and gradients of their sum."""
  exp = np.exp(SCALE * x @ y.T) * ~np.eye(len(x), dtype=bool)
  rows, columns = exp.sum(1), exp.sum(0)
  g = SCALE * (exp / rows[:, None] + exp / columns)
  return (np.log(rows), np.log(columns)), (g @ y, g.T @ x)


# The last forms all similarities at once, but of vectors so wide that keys are gathered in parts.
@pytest.mark.heavy
@pytest.mark.parametrize(
  ("where", "D"),
  [
    *((where, oracles.D) for where in oracles.WHERE),
    (oracles.Where(4, 1, "gather", 100), 64),
    (oracles.Where(4, 1, "gather", 7, side=5), 64),
  ],
)
def test_no_negative_is_lost_however_far_the_logits_are_apart(where, D):
  run, rng = sums_and_gradients(where), np.random.default_rng(0)
  sign = np.where(np.arange(oracles.B) % 3 == 0, -1, 1)[:, None]
  noise = 0.03 * np.sqrt(oracles.D / D)

  def near():
    return oracles.unit(np.eye(D)[:1] + noise * rng.normal(size=(oracles.B, D)))

  one = np.repeat(near()[:1], oracles.B, 0)
  cases = {
    "far rows": (sign * near(), near()),
    "far columns": (near(), sign * near()),
    "both": (sign * near(), sign * near()),
    "equal": (one, one),
    "opposite": (one, -one),
  }
  for name, (x, y) in cases.items():
    x, y = np.float32(x), np.float32(y)
    (_, sums), gradients = run(x, y)
    wanted, slopes = softmax_of_others(np.float64(x), np.float64(y))
    if name.startswith("far"):
      apart = wanted[name == "far columns"]
      assert apart.max() - apart.min() > 190
    for got, value in zip(sums, wanted, strict=True):
      np.testing.assert_allclose(got, value, rtol=1e-5, err_msg=name)
    for got, value in zip(gradients, slopes, strict=True):
      # Of a probability e^(u - v) the rounding of u and v, up to 100, is some 1e-5.
      np.testing.assert_allclose(got, value, atol=3e-5 * np.abs(value).max(), err_msg=name)


def test_an_unknown_exchange_is_refused():
  vectors = np.ones((1, 1), np.float32)
  with pytest.raises(InputError, match="Unknown exchange 'rign'.*'gather', 'local', 'ring'"):
    softmax_sums(vectors, vectors, {}, {}, Spread(BATCH, "rign"))


def compiled(name, exchange, B=65_536, D=768, K=1):
  """Value and gradient of a loss on eight devices, compiled for shapes alone."""
  mesh = make_mesh()

  def split(kind, *shape):
    return jax.ShapeDtypeStruct((B, *shape), kind, sharding=jax.NamedSharding(mesh, jax.P(BATCH)))

  vectors = {"x_bD": split(jnp.float32, D), "y_bD": split(jnp.float32, D)}
  rest = {"ids_b2": split(jnp.uint32, 2), "mask_b": split(jnp.bool_)}
  if name in ("soft_contrastive", "tcm", "mse_distillation", "similarity_distillation"):
    rest["teacher_bP"] = split(jnp.float16, D)
  if name == "hard_negative_ranking":
    vectors["negatives_bKD"] = split(jnp.float32, K, D)
    rest |= {"negative_ids_bK": split(jnp.uint32, K), "negative_mask_bK": split(jnp.bool_, K)}
  loss = functools.partial(
    getattr(importlib.import_module(f"labse_jax.losses.{name}"), name),
    spread=Spread(BATCH, exchange),
    **OPTIONS[name],
  )
  mapped = jax.shard_map(
    lambda arguments: loss(**arguments), mesh=mesh, in_specs=jax.P(BATCH), out_specs=jax.P()
  )

  def step(vectors, rest):
    return mapped(vectors | rest)

  return jax.jit(jax.value_and_grad(step, has_aux=True)).lower(vectors, rest).compile()


def costs(name):
  """{exchange: (bytes of temporary memory, bytes sent)} of a device."""
  found = {}
  for exchange in ("gather", "ring"):
    program = compiled(name, exchange)
    temporary = program.memory_analysis().temp_size_in_bytes
    found[exchange] = temporary, sum(by_kind(collectives(program.as_text())).values())
    print(
      f"{name:25}{exchange:8}{temporary / 1e6:8.1f} MB held{found[exchange][1] / 1e6:9.1f} sent"
    )
  return found


@pytest.mark.heavy
@pytest.mark.parametrize(
  "name",
  [
    pytest.param(name, marks=pytest.mark.slow if name != "margin_softmax" else ())
    for name in OPTIONS
  ],
)
def test_a_batch_of_65_536_takes_half_a_gigabyte_and_the_ring_sends_no_more(name):
  cost = costs(name)
  assert max(temporary for temporary, _ in cost.values()) < 0.5e9
  assert cost["ring"][1] <= cost["gather"][1]


def test_the_memory_that_is_counted_is_one_devices():
  """What the test above rests on: eight devices of b rows count as much as one of b rows."""

  def temporary(devices):
    mesh = make_mesh(1, jax.devices()[:devices])

    def square(a_b):
      return jnp.sort(a_b[:, None] * a_b, 1)[:, ::7].sum(1)

    split = jax.shard_map(square, mesh=mesh, in_specs=jax.P(BATCH), out_specs=jax.P(BATCH))
    rows = jax.ShapeDtypeStruct(
      (500 * devices,), jnp.float32, sharding=jax.NamedSharding(mesh, jax.P(BATCH))
    )
    return jax.jit(split).lower(rows).compile().memory_analysis().temp_size_in_bytes

  assert temporary(8) == temporary(1) >= 500 * 500 * 4
