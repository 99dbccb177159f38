"""Pairs that mining does not take."""

import numpy as np
import pytest

from labse_jax.data.filters import language_id
from labse_jax.data.filters.lengths import row_filters
from labse_jax.data.sources import Pair
from labse_jax.mining.allowed_pairs import AllowedPairs

LIMITS = {"min_characters": 1, "max_ratio": 6.0}


def verdicts(sources, targets, **options):
  """(bool [N, M] as a list, what was refused) of all pairs."""
  allowed = AllowedPairs(sources, targets, **LIMITS | options)
  row_x_P, row_y_P = np.indices((len(sources), len(targets))).reshape(2, -1)
  found = allowed(row_x_P, row_y_P)
  return found.reshape(len(sources), -1).tolist(), allowed.refused()


def test_copies_are_dropped():
  assert verdicts(["Paris", "Rom"], ["Rome", "Paris"]) == (
    [[True, False], [True, True]],
    {"identical sides": 1},
  )


def test_short_and_lopsided_pairs_are_dropped():
  assert verdicts(["ja"], ["yes", "no"], min_characters=3)[0] == [[True, False]]
  assert verdicts(["我"], ["a" * 16, "a" * 17]) == (  # 6 x 1 and ten of grace.
    [[True, False]],
    {"one side over 6 times longer": 1},
  )
  assert verdicts(["a" * 41, "a" * 40], ["b" * 15], max_ratio=2.0)[0] == [[False], [True]]


def test_verdicts_are_those_of_prepare():
  rng = np.random.default_rng(0)
  sources, targets = (
    ["".join(rng.choice(["a", "b"], size)) for size in rng.integers(1, 30, 80)] for _ in range(2)
  )
  limits = {"min_characters": 4, "max_ratio": 1.2}
  found, refused = verdicts(sources, targets, **limits)
  filters = row_filters(**limits, max_characters=float("inf"))
  wanted, counts = [], {}
  for source in sources:
    row = Pair("", "", "", source, "")
    names = [
      next((name for name, drops in filters if drops(row._replace(target=target))), None)
      for target in targets
    ]
    wanted.append([name is None for name in names])
    for name in filter(None, names):
      counts[name] = counts.get(name, 0) + 1
  assert found == wanted and refused == counts and len(counts) == 3


def test_lines_in_another_script_are_dropped():
  sources, targets = ["Guten Tag", "Привет", "Hallo", "123"], ["你好", "こんにちは", "hello"]
  found, refused = verdicts(sources, targets, one_script=True)
  kept = [True, True, False]
  assert found == [kept, [False] * 3, kept, kept] and refused == {"not in its side's script": 6}


def test_lines_in_another_language_are_dropped(monkeypatch):
  def foreign_to(language):
    return lambda text: not text.startswith(language)

  monkeypatch.setattr(language_id, "foreign_to", foreign_to)
  options = {"languages": ["de", "en"]}
  assert verdicts(["de 1", "fr 1"], ["en 1", "de 1"], **options) == (
    [[True, False], [False, False]],
    {"identical sides": 1, "not in its side's language": 2},
  )


def test_a_pair_counts_once_however_often_it_is_asked_for():
  allowed = AllowedPairs(["one", "two"], ["two", "one"], **LIMITS)
  for _ in range(2):
    assert allowed(np.array([0, 0, 1]), np.array([1, 1, 1])).tolist() == [False, False, True]
  assert allowed.refused() == {"identical sides": 1}
  assert not allowed(np.array([1]), np.array([0])).any()
  assert allowed.refused() == {"identical sides": 2}


def test_no_pairs_give_no_verdicts():
  nothing = np.array([], int)
  allowed = AllowedPairs(["a"], ["b"], **LIMITS)
  assert allowed(nothing, nothing).shape == (0,) and allowed.refused() == {}


@pytest.mark.parametrize("targets", [["b", "b"], ["b", "a", "a"]])
def test_rows_of_equal_texts_are_copies_each(targets):
  found, _ = verdicts(["a", "b"], targets)
  assert found == [[source != target for target in targets] for source in ["a", "b"]]
