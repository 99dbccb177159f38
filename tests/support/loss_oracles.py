"""The losses as their equations say, of all pairs at once in float64, and ours beside them.

Gradients are those of the complex step: Im f(x + ih) / h has no error of differences, so h can be
1e-30. An oracle gets the pairs that are there and nothing of empty slots.
"""

import functools
from typing import NamedTuple

import jax
import numpy as np

from labse_jax.base.sharding import BATCH, make_mesh
from labse_jax.losses.shared.exchange import TILE, Spread

B, D, P, K = 24, 6, 5, 2


class Where(NamedTuple):
  """The devices that hold the pairs, and how these meet."""

  devices: int
  fsdp: int
  exchange: str
  tile: int
  side: int = 0

  @property
  def spread(self) -> Spread:
    return Spread(BATCH, self.exchange, self.tile, self.side)


# Tiles of 130 leave a last part of fewer keys, those of 7 and 17 have one key. Neither 5 nor 4
# divides what a device has.
WHERE = [
  Where(1, 1, "gather", TILE),
  Where(1, 1, "gather", 130),
  Where(2, 2, "ring", TILE),
  Where(4, 1, "ring", 7),
  Where(8, 2, "gather", 17),
  Where(8, 2, "gather", TILE),
  Where(2, 1, "gather", 7, side=5),
  Where(4, 2, "ring", 7, side=4),
]
VECTORS = ("x_bD", "y_bD", "negatives_bKD")
KINDS = ["plain", "duplicates", "empty slots", "all empty"]


def inputs(kind, *extra):
  """The arguments of a loss in float32: x_bD, y_bD, ids_b2, mask_b and the names of `extra`."""
  rng = np.random.default_rng(0)
  ids_b2 = np.arange(2 * B, dtype=np.uint32).reshape(B, 2)
  mask_b = np.ones(B, bool)
  negative_ids_bK = 1000 + np.arange(B * K, dtype=np.uint32).reshape(B, K)
  if kind != "plain":  # A negative that is another's target, source, and its own pair's.
    negative_ids_bK[[0, 5, 7], [1, 0, 1]] = ids_b2[[9, 2, 7], [1, 0, 0]]
  if kind == "duplicates":  # Same source on another device, same target, and both.
    ids_b2[9, 0], ids_b2[3, 1], ids_b2[22] = ids_b2[0, 0], ids_b2[12, 1], ids_b2[1]
    ids_b2[6] = ids_b2[11, ::-1]  # The same pair the other way round.
  if kind == "empty slots":  # Unequal numbers of pairs on the devices; one device has none.
    mask_b[[0, 1, 2, 3, 4, 5, 7, 12]] = False
  if kind == "all empty":
    mask_b[:] = False
  found = {
    "x_bD": unit(rng.normal(size=(B, D))),
    "y_bD": unit(rng.normal(size=(B, D))),
    "teacher_bP": unit(rng.normal(size=(B, P))).astype("f2"),
    "negatives_bKD": unit(rng.normal(size=(B, K, D))),
    "negative_ids_bK": negative_ids_bK,
    "negative_mask_bK": rng.random((B, K)) < 0.7,
    "ids_b2": ids_b2,
    "mask_b": mask_b,
  }
  for name in VECTORS:
    found[name][~mask_b] = 0  # As pooling leaves them.
  return {name: found[name] for name in ("x_bD", "y_bD", "ids_b2", "mask_b", *extra)}


def unit(z):
  return np.float32(z / np.sqrt((z**2).sum(-1, keepdims=True)))


def ours(loss, arguments, learned=(), where=WHERE[0], **options):
  """((loss, metrics), gradients by name) of arrays as the task hands them over.

  `learned` are pairs of an option's name and its value.
  """
  names = tuple(name for name in arguments if name in VECTORS)
  return step(loss, names, where, **options)(arguments, dict(learned))


@functools.cache
def step(loss, vectors, where, **options):
  """What `ours` compiles, once."""
  loss = functools.partial(loss, spread=where.spread, **options)
  whole = jax.shard_map(
    lambda arrays, learned: loss(**arrays, **learned),
    mesh=make_mesh(where.fsdp, jax.devices()[: where.devices]),
    in_specs=(jax.P(BATCH), jax.P()),
    out_specs=(jax.P(), jax.P()),
  )

  @jax.jit
  def run(arrays, learned):
    trained = {name: arrays[name] for name in vectors}, learned

    def value(of):
      return whole(arrays | of[0], of[1])

    result, gradients = jax.value_and_grad(value, has_aux=True)(trained)
    return result, gradients[0] | gradients[1]

  return run


def oracle(formula, arguments, learned=(), **options):
  """The same of a formula: (loss, gradients by name), zero where a slot is empty."""
  here = np.asarray(arguments["mask_b"])
  arrays = {name: a for name, a in arguments.items() if name != "mask_b"}
  trained = {name: np.float64(a) for name, a in arrays.items() if name in VECTORS}
  trained |= {name: np.float64(value) for name, value in dict(learned).items()}

  def value(of):
    if not here.any():
      return 0.0
    rows = {name: np.asarray(of.get(name, a))[here] for name, a in arrays.items()}
    return formula(**rows, **{name: of[name] for name in dict(learned)}, **options)

  gradients = {
    name: complex_step(lambda a, n=name: value(trained | {n: a}), a) for name, a in trained.items()
  }
  return value(trained), gradients


def complex_step(f, a):
  gradient = np.zeros(np.shape(a))
  for place in np.ndindex(np.shape(a)):
    nudged = np.array(a, complex)
    nudged[place] += 1e-30j
    gradient[place] = np.imag(f(nudged)) / 1e-30
  return gradient


def check(loss, formula, where, *extra, learned=(), **options):
  """Value and gradients of `loss` are the formula's to 1e-5; returns each kind's metrics."""
  metrics = {}
  for kind in KINDS:
    arguments = inputs(kind, *extra)
    (value, metrics[kind]), got = ours(loss, arguments, learned, where, **options)
    close((value, got), oracle_of(formula, kind, extra, tuple(learned), tuple(options.items())))
    assert metrics[kind]["pairs"] == max(arguments["mask_b"].sum(), 1)
  return metrics


@functools.cache
def oracle_of(formula, kind, extra, learned, options):
  return oracle(formula, inputs(kind, *extra), learned, **dict(options))


def close(got, wanted, tolerance=1e-5):
  """Of (loss, gradients): no number is further off than by that share of its array's largest."""
  np.testing.assert_allclose(got[0], wanted[0], rtol=tolerance)
  assert got[1].keys() == wanted[1].keys()
  for name, gradient in wanted[1].items():
    largest = np.abs(gradient).max()
    np.testing.assert_allclose(
      got[1][name], gradient, rtol=0, atol=tolerance * largest, err_msg=name
    )


def candidates(ids_b2, others_bI):
  """[i, j]: whether the texts of j are none of pair i's."""
  return np.array(
    [[not set(own) & set(other) for other in others_bI.tolist()] for own in ids_b2.tolist()]
  )


def allowed(ids_b2):
  """[i, j]: whether j is a candidate of i, which it is of itself."""
  return candidates(ids_b2, ids_b2) | np.eye(len(ids_b2), dtype=bool)


def softmax(logits_bC, allowed_bC):
  exp_bC = np.exp(logits_bC) * allowed_bC
  return exp_bC / exp_bC.sum(1, keepdims=True)


def cross_entropy(logits_bC, labels_bC, allowed_bC):
  """-1/N sum_i sum_j w_ij log p_ij."""
  log_p_bC = np.log(np.where(allowed_bC, softmax(logits_bC, allowed_bC), 1))
  return -(labels_bC * log_p_bC).sum() / len(logits_bC)


def margin_softmax(x_bD, y_bD, ids_b2, *, scale, margin):
  """Feng et al. 2022, eq. 4-5."""
  own = np.eye(len(x_bD))
  logits = scale * (x_bD @ y_bD.T - margin * own)
  both = allowed(ids_b2)
  return cross_entropy(logits, own, both) + cross_entropy(logits.T, own, both.T)


def hard_contrastive(x_bD, y_bD, ids_b2, *, temperature):
  """Park et al. 2024, eq. 2."""
  own, s, both = np.eye(len(x_bD)), x_bD @ y_bD.T / temperature, allowed(ids_b2)
  return cross_entropy(s, own, both) + cross_entropy(s.T, own, both.T)


def soft_contrastive(x_bD, y_bD, ids_b2, teacher_bP, *, temperature, teacher_temperature):
  """Park et al. 2024, eq. 3-6."""
  t = np.float64(teacher_bP)
  both, s = allowed(ids_b2), x_bD @ y_bD.T / temperature
  labels = softmax(t @ t.T / teacher_temperature, both)
  return cross_entropy(s, labels, both) + cross_entropy(s.T, labels, both)


def tcm(x_bD, y_bD, ids_b2, teacher_bP, *, cross, **temperatures):
  """Park et al. 2024, eq. 7, the two monolingual losses averaged."""

  def of(a, b):
    return soft_contrastive(a, b, ids_b2, teacher_bP, **temperatures)

  return cross * of(x_bD, y_bD) + (1 - cross) / 2 * (of(x_bD, x_bD) + of(y_bD, y_bD))


def mse_distillation(x_bD, y_bD, ids_b2, teacher_bP):
  """Reimers and Gurevych 2020, eq. 1."""
  t = np.float64(teacher_bP)
  return (((x_bD - t) ** 2).sum() + ((y_bD - t) ** 2).sum()) / len(t)


def similarity_distillation(x_bD, y_bD, ids_b2, teacher_bP):
  """The mean squared difference of the similarities of candidates."""
  t, both = np.float64(teacher_bP), allowed(ids_b2)
  return (both * (x_bD @ y_bD.T - t @ t.T) ** 2).sum() / both.sum()


def hard_negative_ranking(
  x_bD, y_bD, ids_b2, negatives_bKD, negative_ids_bK, negative_mask_bK, *, scale, margin
):
  """Yang et al. 2020, sec. 2.1: sources also choose among all negatives of all pairs."""
  own, both = np.eye(len(x_bD)), allowed(ids_b2)
  logits = scale * (x_bD @ y_bD.T - margin * own)
  hard_CD, hard_ids_C1 = negatives_bKD[negative_mask_bK], negative_ids_bK[negative_mask_bK][:, None]
  forward = np.concatenate([logits, scale * x_bD @ hard_CD.T], 1)
  labels = np.concatenate([own, np.zeros((len(own), len(hard_CD)))], 1)
  among = np.concatenate([both, candidates(ids_b2, hard_ids_C1)], 1)
  return cross_entropy(forward, labels, among) + cross_entropy(logits.T, own, both)


def sigmoid(x_bD, y_bD, ids_b2, *, scale, bias):
  """Zhai et al. 2023, eq. 1."""
  z = 2 * np.eye(len(x_bD)) - 1
  log_p = -np.log(1 + np.exp(-z * (scale * x_bD @ y_bD.T + bias)))
  return -(allowed(ids_b2) * log_p).sum() / len(x_bD)
