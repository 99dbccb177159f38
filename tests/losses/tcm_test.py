"""Training both spaces against its equation; with cross = 1 it is the loss across languages."""

import numpy as np
import pytest

from labse_jax.losses.soft_contrastive import soft_contrastive
from labse_jax.losses.tcm import tcm
from tests.support import loss_oracles as oracles

OPTIONS = {"temperature": 0.1, "teacher_temperature": 0.2}


@pytest.mark.heavy
@pytest.mark.parametrize("where", oracles.WHERE)
def test_value_and_gradient_equal_the_oracle(where):
  metrics = oracles.check(tcm, oracles.tcm, where, "teacher_bP", cross=1 / 3, **OPTIONS)
  arguments = oracles.inputs("plain")
  teacher = oracles.inputs("plain", "teacher_bP")["teacher_bP"]

  def of(a, b):
    return oracles.soft_contrastive(
      np.float64(arguments[a]), np.float64(arguments[b]), arguments["ids_b2"], teacher, **OPTIONS
    )

  within = (of("x_bD", "x_bD") + of("y_bD", "y_bD")) / 2
  np.testing.assert_allclose(metrics["plain"]["loss_across"], of("x_bD", "y_bD"), rtol=1e-5)
  np.testing.assert_allclose(metrics["plain"]["loss_within"], within, rtol=1e-5)


def test_with_cross_1_it_is_the_loss_across_languages():
  arguments = oracles.inputs("duplicates", "teacher_bP")
  (value, _), gradients = oracles.ours(tcm, arguments, cross=1.0, **OPTIONS)
  (wanted, _), others = oracles.ours(soft_contrastive, arguments, **OPTIONS)
  oracles.close((value, gradients), (wanted, others), 1e-6)
