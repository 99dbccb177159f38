"""Rules for rows, and the same rules for arrays of them."""

import numpy as np
import pytest

from labse_jax.data.filters.lengths import line_filters, pair_rules, row_filters
from labse_jax.data.sources import Pair

LIMITS = {"min_characters": 3, "max_characters": 30}


def dropped_by(filters, source, target):
  return [name for name, drops in filters if drops(Pair("", "", "", source, target))]


@pytest.mark.parametrize(
  "source, target, names",
  [
    ("good", "gut", []),
    ("good", "", ["empty side"]),
    ("same", "same", ["identical sides"]),
    ("no", "", ["empty side", "under 3 characters"]),
    ("no", "nein", []),  # The longer side counts.
    ("a" * 30, "b" * 30, []),
    ("a" * 31, "b" * 30, ["over 30 characters"]),
    ("a" * 20, "b" * 5, []),  # Twice five and ten of grace.
    ("a" * 5, "b" * 21, ["one side over 2 times longer"]),
    ("a" * 21, "b" * 5, ["one side over 2 times longer"]),
  ],
)
def test_each_filter_drops_what_it_says(source, target, names):
  assert dropped_by(row_filters(**LIMITS, max_ratio=2), source, target) == names


def test_a_line_has_no_other_side():
  filters = line_filters(**LIMITS)
  drops = {text: dropped_by(filters, text, "") for text in ("no", "yes", "a" * 31)}
  assert drops == {"no": ["under 3 characters"], "yes": [], "a" * 31: ["over 30 characters"]}


def test_arrays_are_judged_as_their_rows_are():
  rng = np.random.default_rng(0)
  pairs = [["a" * n for n in sizes] for sizes in rng.integers(0, 40, (500, 2)).tolist()]
  equal_P = np.array([x == y for x, y in pairs])
  length_2P = np.array([[len(text) for text in pair] for pair in pairs]).T
  limits = LIMITS | {"max_ratio": 1.5}
  filters = row_filters(**limits)
  for (name, drops), (same_name, rule) in zip(filters, pair_rules(**limits), strict=True):
    wanted = [bool(drops(Pair("", "", "", *pair))) for pair in pairs]
    assert name == same_name and 0 < sum(wanted) < len(wanted)
    np.testing.assert_array_equal(rule(equal_P, *length_2P), wanted)
