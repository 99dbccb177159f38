"""Rows of several sentences: nothing lost, nothing twice, nothing overlapping."""

import numpy as np
import pytest

from labse_jax.data.batches.packing import best_fit_decreasing, pack


def random_items(rng, count, sides, longest):
  """Items whose tokens are all different, so that each can be found again."""
  lengths = rng.integers(2, longest + 1, (count, sides))
  ids = iter(range(1, lengths.sum() + 1))
  return [tuple(np.array([next(ids) for _ in range(n)]) for n in item) for item in lengths]


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("seed", range(12))
def test_every_token_stands_once_where_the_arrays_say(sides, seed):
  rng = np.random.default_rng(seed)
  capacity, slots = int(rng.integers(8, 65)), int(rng.integers(1, 9))
  items = random_items(rng, int(rng.integers(1, 200)), sides, capacity)
  arrays, row_N, slot_N = pack(items, capacity, slots)
  tokens, segments, positions = (arrays[k] for k in ("tokens", "segments", "positions"))
  assert tokens.shape == segments.shape == positions.shape == (len(tokens), sides, capacity)
  assert all(arrays[k].dtype == np.int32 for k in ("tokens", "segments", "positions"))

  everything = np.concatenate([side for item in items for side in item])
  np.testing.assert_array_equal(np.sort(tokens[tokens > 0]), np.sort(everything))
  assert ((segments > 0) == (tokens > 0)).all() and not positions[segments == 0].any()
  assert len({*zip(row_N.tolist(), slot_N.tolist(), strict=True)}) == len(items)
  assert arrays["mask"].shape == (len(tokens), slots) and arrays["mask"].sum() == len(items)
  assert arrays["mask"].any(1).all(), "an empty row"

  for n, item in enumerate(items):
    row, slot = row_N[n], slot_N[n]
    assert arrays["mask"][row, slot] and slot < slots
    places = item[::-1] if arrays["turned"][row, slot] else item
    for i, side in enumerate(places):
      own = segments[row, i] == slot + 1
      np.testing.assert_array_equal(tokens[row, i][own], side)
      np.testing.assert_array_equal(positions[row, i][own], np.arange(len(side)))
      assert np.ptp(np.flatnonzero(own)) == len(side) - 1, "a sentence in two parts"

  for row_sides, mask in zip(segments, arrays["mask"], strict=True):
    used = mask.sum()
    assert mask[:used].all()  # Slots are filled from the first one on.
    for one in row_sides:
      kept = one[one > 0]
      assert (np.diff(kept) >= 0).all() and set(kept) == set(range(1, used + 1))
      assert (one[: len(kept)] > 0).all()  # Padding only at the end.


def test_one_side_is_never_turned():
  items = random_items(np.random.default_rng(0), 100, 1, 20)
  assert not pack(items, 32, 4)[0]["turned"].any()


def test_pairs_are_turned_where_that_fills_the_rows():
  items = random_items(np.random.default_rng(0), 2, 2, 3)
  items = [(np.arange(1, 3), np.arange(1, 9)), (np.arange(1, 3), np.arange(1, 9))]
  arrays, _, _ = pack(items, 10, 4)
  assert len(arrays["mask"]) == 1 and arrays["turned"].sum() == 1


def test_rows_are_full_on_lengths_like_real_pairs():
  rng = np.random.default_rng(0)
  lengths = 2 + np.stack([rng.poisson(rng.gamma(3, mean / 3, 1024)) for mean in (7, 14)], 1)
  items = [tuple(np.ones(n, int) for n in pair) for pair in np.minimum(lengths, 64)]
  arrays, _, _ = pack(items, 64, 8)
  assert (arrays["segments"] > 0).mean() >= 0.9


def test_rows_of_single_sentences_are_full():
  lengths = np.clip(np.random.default_rng(0).lognormal(2.8, 0.45, 2048), 3, 32).astype(int)
  arrays, _, _ = pack([(np.ones(n, int),) for n in lengths], 32, 8)
  assert (arrays["segments"] > 0).mean() >= 0.97


def test_the_fullest_row_with_room_is_taken():
  lengths = np.array([7, 5, 3, 2, 1])  # 7 + 3 and 5; then 5 + 2, and 1 beside them.
  row_N, slot_N, rows = best_fit_decreasing(lengths, 10, 3)
  assert rows == 2 and row_N.tolist() == [0, 1, 0, 1, 1] and slot_N.tolist() == [0, 0, 1, 1, 2]


def test_the_longest_sentence_fits_alone():
  arrays, row_N, _ = pack([(np.arange(1, 9),), (np.arange(9, 17),)], 8, 4)
  assert sorted(row_N) == [0, 1]
  np.testing.assert_array_equal(np.sort(arrays["tokens"].ravel()), np.arange(1, 17))
