"""Additive margin softmax against its equations, on one to eight devices."""

import numpy as np
import pytest

from labse_jax.losses.margin_softmax import margin_softmax
from tests.support import loss_oracles as oracles

OPTIONS = {"scale": 20.0, "margin": 0.3}


@pytest.mark.heavy
@pytest.mark.parametrize("where", oracles.WHERE)
def test_value_and_gradient_equal_the_oracle(where):
  oracles.check(margin_softmax, oracles.margin_softmax, where, **OPTIONS)


@pytest.mark.heavy
def test_the_gradient_of_a_learned_scale_equals_the_oracle():
  learned = [("scale", 20.0)]
  oracles.check(
    margin_softmax, oracles.margin_softmax, oracles.WHERE[2], learned=learned, margin=0.3
  )


def test_duplicates_and_empty_slots_are_no_negatives():
  for kind in oracles.KINDS[:3]:
    arguments = oracles.inputs(kind)
    (_, metrics), _ = oracles.ours(margin_softmax, arguments, where=oracles.WHERE[3], **OPTIONS)
    here = arguments["mask_b"]
    wanted = oracles.allowed(arguments["ids_b2"])[np.ix_(here, here)].sum() / here.sum() - 1
    np.testing.assert_allclose(metrics["negatives"], wanted, rtol=1e-6)
