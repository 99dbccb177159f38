"""Statistics over more than 100,000 tokens, and what must never happen."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.batches import masking

R, L, SHARE, MASK = 1_000, 128, 0.15, 4
ORDINARY_V = np.arange(5, 2_005)


def rows(seed=0):
  rng = np.random.default_rng(seed)
  tokens_RL = rng.choice(ORDINARY_V, (R, L))
  maskable_RL = rng.random((R, L)) < 0.95
  tokens_RL[~maskable_RL] = 3
  starts_RL = rng.random((R, L)) < 0.6
  return tokens_RL, maskable_RL, starts_RL


def mask(kind, seed=0, slots=40, share=SHARE, of=None):
  tokens_RL, maskable_RL, starts_RL = of or rows()
  return masking.mask_rows(
    tokens_RL,
    maskable_RL,
    starts_RL,
    kind=kind,
    share=share,
    slots=slots,
    mask_id=MASK,
    ordinary_V=ORDINARY_V,
    rng=np.random.default_rng(seed),
  )


def chosen(found):
  chosen_RL = np.zeros((R, L), bool)
  row_R1 = np.arange(R)[:, None]
  chosen_RL[
    np.broadcast_to(row_R1, found["weights"].shape)[found["weights"]],
    found["predicted"][found["weights"]],
  ] = True
  return chosen_RL


def within_three_sigma(count, n, p):
  assert abs(count - n * p) <= 3 * np.sqrt(n * p * (1 - p)), (count, n, p)


@pytest.mark.parametrize("kind", masking.KINDS)
def test_statistics(kind):
  tokens_RL, maskable_RL, _ = rows()
  new_RL, found = mask(kind)
  n = found["weights"].sum()
  assert maskable_RL.sum() > 100_000
  # A row's number is rounded, and a unit on the border is in or out as a whole.
  assert abs(n / maskable_RL.sum() - SHARE) < 0.001
  old_N = np.take_along_axis(tokens_RL, found["predicted"], 1)[found["weights"]]
  new_N = np.take_along_axis(new_RL, found["predicted"], 1)[found["weights"]]
  # Spans fall together: as many independent draws as there are spans.
  n_draws = n / 3.2 if kind == "span" else n
  # A random token is the old one once in 2,000 times.
  for count, p in (
    ((new_N == MASK).sum(), 0.8),
    (((new_N == old_N) & (new_N != MASK)).sum(), 0.1),
    (((new_N != old_N) & (new_N != MASK)).sum(), 0.1),
  ):
    within_three_sigma(count * n_draws / n, n_draws, p)


@pytest.mark.parametrize("slots", [19, 24])
@pytest.mark.parametrize("kind", masking.KINDS)
def test_with_no_slot_to_spare_the_share_is_still_right_and_no_row_goes_without(kind, slots):
  rng = np.random.default_rng(0)
  everywhere_RL = np.ones((R, L), bool)
  tokens_RL, starts_RL = rng.choice(ORDINARY_V, (R, L)), rng.random((R, L)) < 0.4
  _, found = mask(kind, slots=slots, of=(tokens_RL, everywhere_RL, starts_RL))
  assert found["weights"].any(1).all()
  assert found["weights"].mean() * slots / L == pytest.approx(19 / L, abs=0.002)


def test_places_are_uniform_and_random_tokens_too():
  tokens_RL, maskable_RL, _ = rows()
  new_RL, found = mask("token")
  chosen_L = chosen(found).sum(0)
  spread = (chosen_L - SHARE * maskable_RL.sum(0)) / np.sqrt(R * 0.95 * SHARE * (1 - SHARE))
  assert np.abs(spread).max() < 4 and 0.7 < spread.std() < 1.3
  replaced = (new_RL != tokens_RL) & (new_RL != MASK)
  counts = np.bincount(new_RL[replaced], minlength=2_005)
  assert counts[:5].sum() == 0, "a random token is never a special one"
  within_three_sigma(counts[5:1_005].sum(), replaced.sum(), 0.5)


@pytest.mark.parametrize("kind", masking.KINDS)
def test_what_is_not_chosen_or_not_maskable_stays(kind):
  tokens_RL, maskable_RL, _ = rows()
  new_RL, found = mask(kind)
  chosen_RL = chosen(found)
  assert not (chosen_RL & ~maskable_RL).any()
  np.testing.assert_array_equal(new_RL[~chosen_RL], tokens_RL[~chosen_RL])
  labels = np.take_along_axis(tokens_RL, found["predicted"], 1)
  np.testing.assert_array_equal(found["labels"], np.where(found["weights"], labels, 0))


@pytest.mark.parametrize("kind", ["word", "span"])
def test_units_are_hidden_whole(kind):
  _, maskable_RL, starts_RL = rows()
  unit_RL = masking.units(maskable_RL, starts_RL, kind=kind, rng=np.random.default_rng(5))
  chosen_RL = masking.choose(
    unit_RL, maskable_RL, share=SHARE, slots=40, rng=np.random.default_rng(6)
  )
  for row in range(50):
    for unit in np.unique(unit_RL[row][chosen_RL[row]]):
      assert chosen_RL[row][unit_RL[row] == unit].all()
  inside_RL = maskable_RL & np.pad(maskable_RL[:, :-1], ((0, 0), (1, 0)))
  same_RL = np.pad(unit_RL[:, 1:] == unit_RL[:, :-1], ((0, 0), (1, 0)))
  assert not (same_RL & ~inside_RL).any(), "no unit reaches over a special token"
  if kind == "word":
    assert not (same_RL & starts_RL).any()
  assert (same_RL & ~starts_RL).any()


def test_spans_are_geometric_in_words_and_at_most_ten():
  maskable_RL = np.ones((400, 512), bool)
  unit_RL = masking.units(maskable_RL, maskable_RL, kind="span", rng=np.random.default_rng(0))
  lengths = np.concatenate([np.bincount(row)[:-1] for row in unit_RL])
  assert lengths.min() >= 1 and lengths.max() == 10
  for words in range(1, 10):
    within_three_sigma((lengths == words).sum(), len(lengths), 0.2 * 0.8 ** (words - 1))
  within_three_sigma((lengths == 10).sum(), len(lengths), 0.8**9)


def test_words_of_unspaced_scripts_are_cut_at_ten_pieces():
  maskable_RL = np.ones((1, 35), bool)
  starts_RL = np.zeros((1, 35), bool)
  unit_RL = masking.units(maskable_RL, starts_RL, kind="word", rng=np.random.default_rng(0))
  assert np.bincount(unit_RL[0]).tolist() == [10, 10, 10, 5]


@pytest.mark.parametrize("kind", masking.KINDS)
@pytest.mark.parametrize("slots", [1, 7])
def test_slots_are_never_passed(kind, slots):
  _, found = mask(kind, slots=slots, share=0.9)
  assert found["weights"].shape == (R, slots) and found["weights"].any()


def test_an_empty_row_and_a_short_one():
  tokens_RL = np.array([[0] * 6, [2, 9, 3, 0, 0, 0]])
  maskable_RL = tokens_RL > 4
  new_RL, found = masking.mask_rows(
    tokens_RL,
    maskable_RL,
    maskable_RL,
    kind="token",
    share=0.15,
    slots=2,
    mask_id=MASK,
    ordinary_V=ORDINARY_V,
    rng=np.random.default_rng(0),
  )
  assert found["weights"].tolist() == [[False, False], [True, False]]
  assert found["labels"][1, 0] == 9 and found["predicted"][1, 0] == 1
  assert new_RL[0].tolist() == [0] * 6


def test_unknown_kind():
  with pytest.raises(InputError, match=r"Unknown masking 'words'; did you mean 'word'"):
    masking.check_kind("words")
