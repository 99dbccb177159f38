"""Means over the pairs of unequal devices, and the accuracy within a batch."""

import jax
import numpy as np
import pytest

from labse_jax.base.sharding import BATCH, make_mesh
from labse_jax.losses.shared.exchange import Spread
from labse_jax.losses.shared.ranking import count_pairs, mean_over_pairs, rank, similarity_to_all
from tests.support import loss_oracles as oracles


def split(f, out, *arguments):
  """f of arguments that are split over eight devices."""
  mesh = make_mesh(2)
  return jax.jit(jax.shard_map(f, mesh=mesh, in_specs=jax.P(BATCH), out_specs=out))(*arguments)


def test_a_mean_weighs_pairs_alike_however_many_a_device_has():
  arguments = oracles.inputs("empty slots")
  mask_b, values_b = arguments["mask_b"], np.arange(oracles.B, dtype=np.float32)

  def both(mask_b, values_b):
    spread = Spread(BATCH)
    return mean_over_pairs(values_b, mask_b, spread), count_pairs(mask_b, spread)

  mean, count = split(both, jax.P(), mask_b, values_b)
  assert count == mask_b.sum()
  np.testing.assert_allclose(mean, values_b[mask_b].mean(), rtol=1e-6)
  assert split(both, jax.P(), np.zeros_like(mask_b), values_b) == (0, 1)
  values_b[~mask_b] = np.nan  # What a loss makes of an empty slot plays no part.
  assert split(both, jax.P(), mask_b, values_b)[0] == mean


@pytest.mark.parametrize("exchange", ["gather", "ring", "local"])
def test_every_pair_meets_the_keys_of_all_devices(exchange):
  arguments = oracles.inputs("empty slots")
  mask_b = arguments["mask_b"]

  def run(*arrays):
    return similarity_to_all(*arrays, Spread(BATCH, exchange))

  cosine_BC, negative_BC = split(run, jax.P(BATCH), *arguments.values())
  wanted_BB = oracles.allowed(arguments["ids_b2"]) & ~np.eye(oracles.B, dtype=bool)
  wanted_BB = wanted_BB & mask_b & mask_b[:, None]
  s_BB = arguments["x_bD"] @ arguments["y_bD"].T
  if exchange == "local":  # Three pairs a device.
    own = [slice(n, n + 3) for n in range(0, oracles.B, 3)]
    wanted_BB = np.concatenate([wanted_BB[part, part] for part in own])
    s_BB = np.concatenate([s_BB[part, part] for part in own])
  np.testing.assert_array_equal(negative_BC, wanted_BB)
  np.testing.assert_allclose(cosine_BC, s_BB, atol=1e-6)


def ranked(arguments, exchange="gather"):
  """The metrics, and the logit of each pair."""

  def run(x_bD, y_bD, ids_b2, mask_b):
    positive_b, _, _, metrics = rank(
      x_bD, y_bD, ids_b2, mask_b, scale=20.0, margin=0.3, spread=Spread(BATCH, exchange)
    )
    return positive_b, metrics

  return split(run, (jax.P(BATCH), jax.P()), *arguments.values())


@pytest.mark.parametrize("kind", ["duplicates", "empty slots"])
def test_accuracy_counts_the_pairs_that_no_negative_beats(kind):
  arguments = oracles.inputs(kind)
  arguments["y_bD"] = oracles.unit(arguments["x_bD"] + arguments["y_bD"] + 1e-9)
  positive_b, metrics = ranked(arguments)
  here = arguments["mask_b"]
  x, y, ids = (np.float64(arguments[name][here]) for name in ("x_bD", "y_bD", "ids_b2"))
  s, both = x @ y.T, oracles.allowed(ids)

  def first(s):
    return (np.where(both, s, -2).argmax(1) == np.arange(len(s))).mean()

  wanted = (first(s) + first(s.T)) / 2
  assert 0.2 < wanted < 0.95
  np.testing.assert_allclose(metrics["in_batch_accuracy"], wanted, rtol=1e-6)
  np.testing.assert_allclose(positive_b[here], 20 * (np.diag(s) - 0.3), rtol=1e-4)


def test_of_local_negatives_there_are_those_of_the_device():
  b = oracles.B // 8
  _, metrics = ranked(oracles.inputs("plain"), "local")
  assert metrics["pairs"] == oracles.B and metrics["negatives"] == b - 1


def test_a_pair_is_first_where_all_vectors_are_one():
  arguments = oracles.inputs("plain")
  arguments["x_bD"] = arguments["y_bD"] = np.repeat(arguments["x_bD"][:1], oracles.B, 0)
  assert ranked(arguments)[1]["in_batch_accuracy"] == 1
