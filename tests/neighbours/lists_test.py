"""The lists of a search, cut into tiles and put together again."""

import numpy as np
import pytest

from labse_jax.neighbours import lists


def numbered(count, length):
  """(scores, ids) that are all different."""
  ids = np.arange(count * length, dtype=np.int32).reshape(count, length)
  return ids / np.float32(2), ids


@pytest.mark.parametrize("both", [False, True])
def test_a_search_begins_with_nothing(both):
  begun = lists.begun(None, (5, 9), rows=4, length=2, both=both)
  assert len(begun.of_queries) == 2 and begun.of_candidates == ([] if both else None)
  for scores, ids in begun.of_queries:
    assert scores.shape == ids.shape == (4, 2)
    assert np.isneginf(scores).all() and (ids == -1).all()


def test_a_search_of_no_queries_has_a_tile():
  assert len(lists.begun(None, (0, 9), rows=4, length=2, both=False).of_queries) == 1


@pytest.mark.parametrize("candidates", [8, 9])
def test_what_was_found_before_is_found_again_without_padding(candidates):
  before = [numbered(5, 2), numbered(8, 3)]
  begun = lists.begun(before, (5, candidates), rows=4, length=2, both=True)
  assert [ids.shape for _, ids in begun.of_queries] == [(4, 2), (4, 2)]
  assert (begun.of_queries[1][1][1:] == -1).all()
  for found, wanted in zip(begun.joined(), before, strict=True):
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(found[1], wanted[1])


def test_blocks_of_candidates_are_joined_without_the_last_ones_padding():
  begun = lists.begun(None, (2, 6), rows=2, length=1, both=True)
  begun.of_candidates += [numbered(4, 1), numbered(4, 1)]
  _, (_, ids) = begun.joined()
  assert ids[:, 0].tolist() == [0, 1, 2, 3, 0, 1]
