"""Distillation of similarities against its equation."""

import numpy as np
import pytest

from labse_jax.losses.similarity_distillation import similarity_distillation
from tests.support import loss_oracles as oracles


@pytest.mark.heavy
@pytest.mark.parametrize("where", oracles.WHERE)
def test_value_and_gradient_equal_the_oracle(where):
  oracles.check(similarity_distillation, oracles.similarity_distillation, where, "teacher_bP")


def test_any_vectors_with_the_teachers_similarities_will_do():
  arguments = oracles.inputs("duplicates")
  turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(oracles.D, oracles.D)))
  arguments["teacher_bP"] = arguments["x_bD"]
  arguments["x_bD"] = arguments["y_bD"] = np.float32(arguments["x_bD"] @ turn)
  (value, _), gradients = oracles.ours(similarity_distillation, arguments)
  assert value < 1e-12
  assert max(np.abs(g).max() for g in gradients.values()) < 1e-6
