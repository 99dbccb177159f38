"""Distillation of vectors against its equation."""

import numpy as np
import pytest

from labse_jax.losses.mse_distillation import mse_distillation
from tests.support import loss_oracles as oracles


@pytest.mark.parametrize("where", oracles.WHERE[1:])
def test_value_and_gradient_equal_the_oracle(where):
  for kind in oracles.KINDS:
    arguments = oracles.inputs(kind)
    arguments["teacher_bP"] = arguments["y_bD"][::-1].astype("f2")
    (value, metrics), gradients = oracles.ours(mse_distillation, arguments, where=where)
    oracles.close((value, gradients), oracles.oracle(oracles.mse_distillation, arguments))
    assert metrics["pairs"] == max(arguments["mask_b"].sum(), 1)


def test_nothing_is_left_to_learn_where_both_sides_are_the_teachers():
  arguments = oracles.inputs("plain")
  arguments["y_bD"] = arguments["teacher_bP"] = arguments["x_bD"]
  (value, _), gradients = oracles.ours(mse_distillation, arguments)
  assert value == 0
  assert not any(np.any(g) for g in gradients.values())
