"""Translations of one text, paired: by a plain double loop, and by what must hold of any."""

import collections
import itertools

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.pivot import pairs_of_equal, pivoted
from labse_jax.data.sources import Pair


def random_columns(seed, count=60, texts=9, codes=4):
  rng = np.random.default_rng(seed)
  return (
    rng.integers(1, texts, count).astype(np.uint64),
    rng.integers(0, codes, count),
    rng.permutation(count).astype(np.uint64),
  )


@pytest.mark.parametrize("seed", range(5))
def test_all_pairs_of_equal_texts_without_a_limit(seed):
  text_N, code_N, order_N = random_columns(seed)
  expected = {
    frozenset((i, j))
    for i, j in itertools.combinations(range(60), 2)
    if text_N[i] == text_N[j] and code_N[i] != code_N[j]
  }
  found = pairs_of_equal(text_N, code_N, order_N, most=10_000).tolist()
  assert len(found) == len(expected) and set(map(frozenset, found)) == expected


@pytest.mark.parametrize("most", [1, 3, 7])
def test_a_text_makes_no_more_than_the_limit_and_no_fewer_than_it_can(most):
  text_N, code_N, order_N = random_columns(0)
  every = collections.Counter(text_N[pairs_of_equal(text_N, code_N, order_N, 10_000)[:, 0]])
  some = collections.Counter(text_N[pairs_of_equal(text_N, code_N, order_N, most)[:, 0]])
  assert some == {text: min(most, number) for text, number in every.items()}


def test_all_rows_of_a_text_are_used_about_as_often():
  count = 50
  order_N = np.random.default_rng(0).permutation(count)
  found = pairs_of_equal(np.ones(count), np.arange(count), order_N, most=2 * count)
  uses = np.bincount(found.ravel(), minlength=count)
  assert len(found) == 2 * count and uses.min() >= 2 and uses.max() <= 6


def test_no_rows_make_no_pairs():
  assert pairs_of_equal(*np.empty((3, 0), np.uint64), most=3).shape == (0, 2)


def made(rows, language="eng", most=100, filters=()):
  rows = [Pair(*row[:2], "here", *row[2:]) for row in rows]
  options = {"language": language, "most": most, "filters": filters}
  return [tuple(pair) for pair in pivoted(enumerate(rows), rows.__getitem__, **options)]


ROWS = [
  ("eng", "jpn", "Yes.", "はい。"),
  ("fra", "eng", "Oui.", "Yes."),
  ("eng", "fra", "Yes.", "Si."),
  ("eng", "deu", "No.", "Nein."),
  ("deu", "fra", "Nein.", "Non."),
  ("eng", "eng", "Yes.", "Yep."),
]


def test_codes_are_ordered_and_one_language_makes_no_pair():
  assert sorted(made(ROWS)) == [
    ("fra", "jpn", "pivot-eng", "Oui.", "はい。"),
    ("fra", "jpn", "pivot-eng", "Si.", "はい。"),
  ]
  assert made(ROWS, "deu") == [("eng", "fra", "pivot-deu", "No.", "Non.")]


def test_a_text_is_equal_to_the_last_character():
  assert not made([("eng", "jpn", "Yes.", "はい。"), ("eng", "fra", "yes.", "Oui.")])


@pytest.mark.parametrize("turned", [False, True])
def test_a_pair_that_stands_already_or_was_made_is_left_out(turned):
  ways = [(text, n) for text in ("one", "other") for n in range(20)]
  rows = [("eng", "jpn", f"{text} {n}", f"はい {n}") for text, n in ways]
  rows += [("fra", "eng", f"Oui {n}", f"{text} {n}") for text, n in ways]
  assert len(made(rows)) == 20
  standing = [("fra", "jpn", f"Oui {n}", f"はい {n}") for n in range(19)]
  standing = [(b, a, y, x) for a, b, x, y in standing] if turned else standing
  assert made(rows + standing) == [("fra", "jpn", "pivot-eng", "Oui 19", "はい 19")]


def test_filters_drop_and_the_limit_holds():
  assert len(made(ROWS, most=1)) == 1
  ((_, _, _, source, _),) = made(ROWS, filters=[("yes", lambda pair: pair.source == "Oui.")])
  assert source == "Si."


def test_a_language_that_no_pair_has_is_told():
  with pytest.raises(InputError, match="language of --pivot 'fre'; did you mean 'fra'") as caught:
    made(ROWS, "fre")
  assert "\n" not in str(caught.value)


def test_a_pivot_of_one_language_beside_it_makes_nothing():
  assert made([("eng", "deu", "No.", "Nein."), ("eng", "deu", "No.", "Nö.")]) == []
