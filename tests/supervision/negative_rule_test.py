"""Which near texts are a pair's hard negatives."""

import pytest

from labse_jax.base.errors import InputError
from labse_jax.supervision.negative_rule import Rule


@pytest.mark.parametrize(
  "rule,words",
  [
    ((0, 0.1, 5), "k = 0"),
    ((6, 0.1, 5), "k = 6, candidates = 5"),
    ((1, float("nan"), 5), "margin = nan"),
    ((1, 3.0, 5), "margin = 3.0"),
  ],
)
def test_rules_that_make_no_sense_are_refused(rule, words):
  with pytest.raises(InputError, match=words):
    Rule(*rule)
