"""Hard labels with a temperature against their equation, and as margin softmax without a margin."""

import numpy as np
import pytest

from labse_jax.losses.hard_contrastive import hard_contrastive
from labse_jax.losses.margin_softmax import margin_softmax
from tests.support import loss_oracles as oracles


@pytest.mark.heavy
@pytest.mark.parametrize("where", oracles.WHERE[1:2])
def test_value_and_gradient_equal_the_oracle(where):
  oracles.check(hard_contrastive, oracles.hard_contrastive, where, temperature=0.05)


@pytest.mark.heavy
def test_it_is_margin_softmax_without_a_margin():
  arguments = oracles.inputs("duplicates")
  (value, _), gradients = oracles.ours(hard_contrastive, arguments, temperature=0.05)
  (wanted, _), others = oracles.ours(margin_softmax, arguments, scale=20.0, margin=0.0)
  assert value == wanted
  for name, gradient in gradients.items():
    np.testing.assert_array_equal(gradient, others[name])


@pytest.mark.heavy
def test_the_gradient_of_a_learned_temperature_equals_the_oracle():
  learned = [("temperature", 0.05)]
  oracles.check(hard_contrastive, oracles.hard_contrastive, oracles.WHERE[2], learned=learned)
