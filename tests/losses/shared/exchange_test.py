"""What a ring is to a gather, and what local negatives are."""

import json

import jax
import numpy as np
import pytest

from labse_jax.losses.shared.exchange import SIDES
from labse_jax.losses.soft_contrastive import soft_contrastive
from tests.support import loss_oracles as oracles
from tests.support.places import ROOT

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


@pytest.mark.parametrize(("platform", "topology"), [("tpu", "v5e:2x2"), ("gpu", "h100")])
def test_a_faster_side_takes_more_than_twice_the_memory(platform, topology):
  recorded = json.loads((ROOT / "results" / "accelerator" / "tiles.json").read_text("utf-8"))
  tiles = {row["side"]: row for row in recorded["tiles"] if row["topology"] == topology}
  chosen = tiles.pop(SIDES[platform])
  assert len(tiles) == 5
  for other in tiles.values():
    faster = other["seconds"] < chosen["seconds"]
    assert not faster or other["temporary_bytes"] > 2 * chosen["temporary_bytes"]
