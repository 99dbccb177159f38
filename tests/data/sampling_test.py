import numpy as np
import pytest

from labse_jax.data.sampling import smoothed


@pytest.mark.parametrize("exponent", [0, 0.3, 0.7, 1])
def test_shares_follow_the_power_of_the_counts(exponent):
  p = smoothed([1, 10, 10_000, 3_000_000_000], exponent)
  assert p.sum() == pytest.approx(1)
  np.testing.assert_allclose(p[1:] / p[:1], [10**exponent, 10_000**exponent, 3e9**exponent])


def test_a_known_case():
  np.testing.assert_allclose(smoothed([1, 1024], 0.3), [1 / 9, 8 / 9])
