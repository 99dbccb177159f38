"""The sigmoid loss against its equation, with the scale and the bias learned."""

import numpy as np
import pytest

from labse_jax.losses.sigmoid import sigmoid
from tests.support import loss_oracles as oracles

LEARNED = [("scale", 10.0), ("bias", -4.0)]


@pytest.mark.heavy
@pytest.mark.parametrize("where", oracles.WHERE)
def test_value_and_gradient_equal_the_oracle(where):
  metrics = oracles.check(sigmoid, oracles.sigmoid, where, learned=LEARNED)
  for kind in oracles.KINDS[:3]:
    arguments = oracles.inputs(kind)
    here = arguments["mask_b"]
    count = oracles.allowed(arguments["ids_b2"][here]).sum() / here.sum() - 1
    np.testing.assert_allclose(metrics[kind]["negatives"], count, rtol=1e-6)


def test_logits_of_any_size_keep_value_and_gradient_finite():
  arguments = oracles.inputs("plain")
  arguments["y_bD"] = -arguments["x_bD"]
  (value, _), gradients = oracles.ours(sigmoid, arguments, scale=1000.0, bias=0.0)
  s = arguments["x_bD"] @ arguments["x_bD"].T
  wrong = 1000 * np.where(np.eye(oracles.B, dtype=bool), s, np.maximum(-s, 0)).sum() / oracles.B
  np.testing.assert_allclose(value, wrong, rtol=1e-2)
  assert all(np.all(np.isfinite(g)) for g in gradients.values())
