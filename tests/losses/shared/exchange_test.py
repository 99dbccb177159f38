"""What a ring is to a gather, and what local negatives are."""

import jax
import numpy as np
import pytest

from labse_jax.losses.soft_contrastive import soft_contrastive
from tests.support import loss_oracles as oracles

OPTIONS = {"temperature": 0.1, "teacher_temperature": 0.1}


@pytest.mark.heavy
def test_a_ring_is_a_gather():
  arguments = oracles.inputs("duplicates", "teacher_bP")
  (one, of_one), gradients = oracles.ours(
    soft_contrastive, arguments, where=oracles.Where(8, 1, "gather", 100), **OPTIONS
  )
  (two, of_two), others = oracles.ours(
    soft_contrastive, arguments, where=oracles.Where(8, 1, "ring", 100), **OPTIONS
  )
  oracles.close((two, others), (one, jax.tree.map(np.asarray, gradients)), 1e-6)
  assert jax.tree.map(float, of_one) == pytest.approx(jax.tree.map(float, of_two), rel=1e-6)


@pytest.mark.heavy
def test_local_negatives_are_those_of_each_device_alone():
  """The loss is the mean of the devices' own losses, each weighed by its number of pairs."""
  arguments = oracles.inputs("empty slots", "teacher_bP")
  (value, _), gradients = oracles.ours(
    soft_contrastive, arguments, where=oracles.Where(4, 2, "local", 7), **OPTIONS
  )
  parts, shares = [], []
  for place in np.array_split(np.arange(oracles.B), 4):
    own = {name: a[place] for name, a in arguments.items()}
    parts.append(oracles.oracle(oracles.soft_contrastive, own, **OPTIONS))
    shares.append(own["mask_b"].sum() / arguments["mask_b"].sum())
  wanted = {
    name: np.concatenate([share * of[name] for share, (_, of) in zip(shares, parts, strict=True)])
    for name in gradients
  }
  oracles.close((value, gradients), (np.dot(shares, [part for part, _ in parts]), wanted))
