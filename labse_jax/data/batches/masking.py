"""What masked language modelling hides of packed rows, and what stands there instead."""

from typing import TypedDict

import numpy as np

from labse_jax.base.errors import known

KINDS = ("token", "word", "span")
MASKED = 0.8  # Devlin et al. 2019, sec. 3.1: of the hidden tokens, those that become [MASK].
RANDOM = 0.1  # The same: those that become a random token. The others stay as they are.
SPAN_END = 0.2  # Joshi et al. 2020, sec. 3.1: spans have a geometric number of words.
# The same: no span has more words. Here no word has more pieces either, since a sentence in a
# script without spaces is a single word.
LONGEST = 10


class Masking(TypedDict):
  """The arguments of `mask_rows` that a config gives."""

  kind: str
  share: float
  slots: int


def check_kind(kind: str) -> None:
  """Raises InputError unless `kind` is one of KINDS."""
  known("masking", kind, KINDS)


def mask_rows(
  tokens_RL: np.ndarray,
  maskable_RL: np.ndarray,
  starts_RL: np.ndarray,
  *,
  kind: str,
  share: float,
  slots: int,
  mask_id: int,
  ordinary_V: np.ndarray,
  rng: np.random.Generator,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
  """Hides `share` of each row's maskable tokens, at most `slots`, and says which.

  `starts_RL` is true where a piece begins a word. Random tokens are drawn from the ids
  `ordinary_V`. Kind "token" hides pieces one by one, "word" whole words (the released BERT's
  whole-word masking), "span" runs of words (Joshi et al. 2020); a span is masked, made random or
  kept as a whole. Returns the new tokens and {"predicted": places [R, slots], "labels": the tokens
  that stood there, "weights": which slots are in use}.
  """
  unit_RL = units(maskable_RL, starts_RL, kind=kind, rng=rng)
  chosen_RL = choose(unit_RL, maskable_RL, share=share, slots=slots, rng=rng, cut=kind == "span")
  roll_RL = rng.random(tokens_RL.shape)
  if kind == "span":  # All tokens of a span share one roll.
    roll_RL = np.take_along_axis(roll_RL, unit_RL, 1)
  random_RL = ordinary_V[rng.integers(len(ordinary_V), size=tokens_RL.shape)]
  random_or_kept_RL = np.where(roll_RL < MASKED + RANDOM, random_RL, tokens_RL)
  instead_RL = np.where(roll_RL < MASKED, mask_id, random_or_kept_RL)
  new_RL = np.where(chosen_RL, instead_RL, tokens_RL).astype(np.int32)

  # The chosen places come first in a stable sort, and in their order.
  places_RM = np.argsort(~chosen_RL, axis=1, kind="stable")[:, :slots].astype(np.int32)
  weights_RM = np.take_along_axis(chosen_RL, places_RM, 1)
  labels_RM = np.take_along_axis(tokens_RL, places_RM, 1)
  predicted = {
    "predicted": np.where(weights_RM, places_RM, 0),
    "labels": np.where(weights_RM, labels_RM, 0),
    "weights": weights_RM,
  }
  return new_RL, predicted


def units(
  maskable_RL: np.ndarray, starts_RL: np.ndarray, *, kind: str, rng: np.random.Generator
) -> np.ndarray:
  """The number of each token's unit, which is hidden as a whole; ascending along each row."""
  if kind == "token":
    return np.broadcast_to(np.arange(maskable_RL.shape[1]), maskable_RL.shape)
  # A unit never reaches over a token that is not maskable, nor into the next sentence.
  before_RL = np.pad(maskable_RL[:, :-1], ((0, 0), (1, 0)))
  border_RL = ~maskable_RL | ~before_RL
  start_RL = _split_long(border_RL | starts_RL, np.ones_like(border_RL))
  if kind == "span":
    ends_RL = rng.random(start_RL.shape) < SPAN_END
    start_RL = _split_long(border_RL | start_RL & ends_RL, start_RL)
  return np.cumsum(start_RL, 1) - 1


def _split_long(start_RL, counted_RL):
  """Where runs begin, once those of more than LONGEST counted places are cut."""
  count_RL = np.cumsum(counted_RL, 1)
  first_RL = np.maximum.accumulate(np.where(start_RL, count_RL, 0), 1)
  return start_RL | counted_RL & ((count_RL - first_RL) % LONGEST == 0)


def choose(
  unit_RL: np.ndarray,
  maskable_RL: np.ndarray,
  *,
  share: float,
  slots: int,
  rng: np.random.Generator,
  cut: bool = False,
) -> np.ndarray:
  """Takes whole units in random order until `share` of a row's maskable tokens are taken.

  Returns which tokens are taken. A unit is passed over if it would take the row over that number,
  or over `slots`. With `cut`, the beginning of the first unit passed over fills up the number.
  Without, only a row that took nothing takes its first unit that `slots` can hold.
  """
  R, L = unit_RL.shape
  maskable_R = maskable_RL.sum(1)
  wanted_R = np.rint(share * maskable_R).clip(1, slots)

  order_RL, first_RL, begin_RL = _in_random_order(unit_RL, maskable_RL, rng)
  size_RL = np.zeros((R, L), int)  # Of the units, where each begins.
  np.add.at(size_RL, (np.arange(R)[:, None], begin_RL), 1)
  first_RL &= np.arange(L) < maskable_R[:, None]

  # Whether a unit still fits depends on those before it; all rows go on together.
  taken_RL = np.zeros((R, L), bool)
  count_R = np.zeros(R, int)
  for place in range(L):
    taken_RL[:, place] = first_RL[:, place] & (count_R + size_RL[:, place] <= wanted_R)
    count_R += taken_RL[:, place] * size_RL[:, place]

  # The first unit that was passed over, and how many of its tokens are taken all the same.
  passed_RL = first_RL & ~taken_RL & (cut | (size_RL <= slots))
  passed_R = passed_RL.argmax(1)
  left_R = wanted_R - count_R if cut else np.where(count_R == 0, slots, 0)
  left_R = left_R * passed_RL.any(1)
  place_RL = np.arange(L) - passed_R[:, None]
  rest_RL = (begin_RL == passed_R[:, None]) & (place_RL >= 0) & (place_RL < left_R[:, None])

  taken_RL = np.take_along_axis(taken_RL, begin_RL, 1) | rest_RL
  chosen_RL = np.zeros((R, L), bool)
  np.put_along_axis(chosen_RL, order_RL, taken_RL, 1)
  return chosen_RL & maskable_RL


def _in_random_order(unit_RL, maskable_RL, rng):
  """Shuffles the units of each row.

  Returns (order_RL of the shuffled units, where a unit begins in it, where each one's first is).
  """
  R, L = unit_RL.shape
  # All tokens of a unit share one score, so the sort keeps them side by side; what is not
  # maskable goes to the end.
  score_RL = np.take_along_axis(rng.random((R, L)), unit_RL, 1)
  order_RL = np.argsort(np.where(maskable_RL, score_RL, 2), axis=1, kind="stable")
  sorted_RL = np.take_along_axis(unit_RL, order_RL, 1)
  first_RL = np.ones((R, L), bool)
  first_RL[:, 1:] = sorted_RL[:, 1:] != sorted_RL[:, :-1]
  begin_RL = np.maximum.accumulate(np.where(first_RL, np.arange(L), 0), 1)
  return order_RL, first_RL, begin_RL
