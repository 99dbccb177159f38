"""Ranking against mined negatives: its equation, and without any it is translation ranking."""

import numpy as np
import pytest

from labse_jax.losses.hard_negative_ranking import hard_negative_ranking
from labse_jax.losses.margin_softmax import margin_softmax
from tests.support import loss_oracles as oracles

NAMES = ("negatives_bKD", "negative_ids_bK", "negative_mask_bK")
OPTIONS = {"scale": 20.0, "margin": 0.3}


@pytest.mark.heavy
@pytest.mark.parametrize("where", oracles.WHERE)
def test_value_and_gradient_equal_the_oracle(where):
  metrics = oracles.check(
    hard_negative_ranking, oracles.hard_negative_ranking, where, *NAMES, **OPTIONS
  )
  for kind in oracles.KINDS[:3]:
    arguments = oracles.inputs(kind, *NAMES)
    here = arguments["mask_b"]
    there_bK = arguments["negative_mask_bK"] & here[:, None]
    ids_C1 = arguments["negative_ids_bK"][there_bK][:, None]
    count = oracles.candidates(arguments["ids_b2"][here], ids_C1).sum() / here.sum()
    np.testing.assert_allclose(metrics[kind]["hard_negatives"], count, rtol=1e-6)


@pytest.mark.heavy
def test_without_negatives_it_is_translation_ranking():
  arguments = oracles.inputs("duplicates", *NAMES)
  (wanted, _), others = oracles.ours(margin_softmax, oracles.inputs("duplicates"), **OPTIONS)
  none = {name: arguments[name][:, :0] for name in NAMES}
  (value, metrics), gradients = oracles.ours(hard_negative_ranking, arguments | none, **OPTIONS)
  assert value == wanted and "hard_negatives" not in metrics
  assert gradients.pop("negatives_bKD").size == 0
  for name, gradient in gradients.items():
    np.testing.assert_array_equal(gradient, others[name])


def test_masked_negatives_are_none():
  arguments = oracles.inputs("duplicates", *NAMES)
  (wanted, _), others = oracles.ours(margin_softmax, oracles.inputs("duplicates"), **OPTIONS)
  arguments["negative_mask_bK"][:] = False
  (value, _), gradients = oracles.ours(hard_negative_ranking, arguments, **OPTIONS)
  assert not np.any(gradients.pop("negatives_bKD"))
  oracles.close((value, gradients), (wanted, others), 1e-6)
