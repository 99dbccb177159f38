"""Losses of the first dimensions against the same oracles, of vectors that were cut before."""

import functools

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.losses.hard_negative_ranking import hard_negative_ranking
from labse_jax.losses.margin_softmax import margin_softmax
from labse_jax.losses.shared.matryoshka import matryoshka
from tests.support import loss_oracles as oracles

NAMES = ("negatives_bKD", "negative_ids_bK", "negative_mask_bK")
OPTIONS = {"scale": 20.0, "margin": 0.3}


def cut(z, d):
  return z[..., :d] / np.sqrt((z[..., :d] ** 2).sum(-1, keepdims=True))


def of_dims(formula, dims, **arguments):
  def cut_to(d):
    return {name: cut(a, d) if name in oracles.VECTORS else a for name, a in arguments.items()}

  return sum(formula(**cut_to(d)) for d in dims)


@pytest.mark.heavy
@pytest.mark.parametrize(
  ("loss", "dims", "extra"), [(margin_softmax, (6, 2), ()), (hard_negative_ranking, (3, 5), NAMES)]
)
def test_value_and_gradient_equal_the_oracle(loss, dims, extra):
  wrapped = matryoshka(loss, dims, oracles.D)
  formula = functools.partial(of_dims, getattr(oracles, loss.__name__), dims)
  metrics = oracles.check(wrapped, formula, oracles.WHERE[3], *extra, **OPTIONS)["duplicates"]
  arguments = oracles.inputs("duplicates", *extra)
  for d in dims:
    short = {name: cut(a, d) for name, a in arguments.items() if name in oracles.VECTORS}
    (wanted, of_d), _ = oracles.ours(loss, arguments | short, where=oracles.WHERE[3], **OPTIONS)
    np.testing.assert_allclose(metrics[f"loss_{d}"], wanted, rtol=1e-5)
    if d == dims[0]:
      assert metrics["in_batch_accuracy"] == of_d["in_batch_accuracy"]


@pytest.mark.heavy
def test_of_all_dimensions_it_is_the_loss():
  arguments = oracles.inputs("empty slots")
  wrapped = matryoshka(margin_softmax, (oracles.D,), oracles.D)
  (value, _), gradients = oracles.ours(wrapped, arguments, **OPTIONS)
  (wanted, _), whole = oracles.ours(margin_softmax, arguments, **OPTIONS)
  np.testing.assert_allclose(value, wanted, rtol=1e-6)
  for name, gradient in gradients.items():
    # What makes a vector longer changes no unit vector: that part of the gradient is taken away.
    z, g = arguments[name], np.asarray(whole[name])
    along = (g * z).sum(1, keepdims=True) * z
    np.testing.assert_allclose(gradient, g - along, atol=1e-5 * np.abs(g).max())


@pytest.mark.parametrize("dims", [(6, 0), (7,), (-1, 6), 6, (2.5,), ("4",), (4, 4)])
def test_dimensions_that_are_not_there_are_refused(dims):
  with pytest.raises(InputError, match=r"config.matryoshka = .*integers from 1 to 6, each once\."):
    matryoshka(margin_softmax, dims, 6)
