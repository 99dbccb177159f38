"""What steps cost: the lengths of joined sentences, pairs that may not be, and the way back."""

import numpy as np

from labse_jax.mining import alignment_costs
from labse_jax.mining.alignment_costs import Band, Prices
from labse_jax.mining.joined_texts import encoded
from labse_jax.neighbours.unit_vectors import unit

STEPS = [(1, 1), (1, 2), (2, 1), (1, 0), (0, 1)]


def test_spans_are_the_lengths_of_sentences_and_those_before_them():
  spans_KN = np.exp(alignment_costs._log_spans([10, 20, 30, 40], 3, 10)) - alignment_costs.SHORT
  np.testing.assert_allclose(spans_KN, [[1, 2, 3, 4], [1, 3, 5, 7], [1, 3, 6, 9]], rtol=1e-12)


def test_costs_are_the_same_backwards_and_infinite_where_a_text_is_not_usable(monkeypatch):
  monkeypatch.setattr(alignment_costs, "DIAGONALS", 3)
  rng = np.random.default_rng(0)
  x, y = (encoded(unit(rng.normal(size=(2, size, 4)))) for size in (5, 6))
  band = Band(np.zeros(12, int), 7, (5, 6))
  x.usable_KN[1, 3] = False
  prices = Prices(0.3, 0.2, 0.1, 0.1)
  forwards = list(alignment_costs.costs(x, y, None, STEPS, band, prices))
  backwards = list(alignment_costs.costs(x, y, None, STEPS, band, prices, backwards=True))
  np.testing.assert_array_equal(forwards, backwards[::-1])
  for j in range(1, 7):
    one_pair, _, two_sentences, _, _ = forwards[4 + j - 1][:, j]  # The step ends behind the fourth.
    assert np.isfinite(one_pair) and np.isinf(two_sentences)
