"""What masked language modelling hides of packed rows, and what stands there instead."""

import numpy as np

from labse_jax.base.errors import known

KINDS = ("token", "word", "span")
MASKED, RANDOM = 0.8, 0.1  # Devlin et al. 2019, sec. 3.1; what is left keeps its token.
SPAN_END = 0.2  # Joshi et al. 2020, sec. 3.1: the lengths of spans, in words, are geometric ...
LONGEST = 10  # ... and no longer than this; nor has a word more pieces (unspaced scripts have one).


def check_kind(kind):
  """Raises InputError for what is none of KINDS."""
  known("masking", kind, KINDS)


def mask_rows(tokens_RL, maskable_RL, starts_RL, *, kind, share, slots, mask_id, ordinary_V, rng):
  """Hides `share` of each row's maskable tokens, at most `slots`, and says which.

  `starts_RL` is true where a piece begins a word; `ordinary_V` are the ids that a random token is
  drawn from. kind "token" hides pieces one by one, "word" whole words (the released BERT's
  whole-word masking), "span" runs of words (Joshi et al. 2020), which are masked, made random or
  kept as a whole. Returns the new tokens and {"predicted": places [R, slots], "labels": the tokens
  that stood there, "weights": which slots are in use}.
  """
  unit_RL = units(maskable_RL, starts_RL, kind=kind, rng=rng)
  chosen_RL = choose(unit_RL, maskable_RL, share=share, slots=slots, rng=rng, cut=kind == "span")
  roll_RL = rng.random(tokens_RL.shape)
  if kind == "span":
    roll_RL = np.take_along_axis(roll_RL, unit_RL, 1)
  random_RL = ordinary_V[rng.integers(len(ordinary_V), size=tokens_RL.shape)]
  instead_RL = np.where(
    roll_RL < MASKED, mask_id, np.where(roll_RL < MASKED + RANDOM, random_RL, tokens_RL)
  )
  predicted_RM = np.argsort(~chosen_RL, axis=1, kind="stable")[:, :slots].astype(np.int32)
  weights_RM = np.take_along_axis(chosen_RL, predicted_RM, 1)
  labels_RM = np.where(weights_RM, np.take_along_axis(tokens_RL, predicted_RM, 1), 0)
  tokens_RL = np.where(chosen_RL, instead_RL, tokens_RL).astype(np.int32)
  predicted_RM = np.where(weights_RM, predicted_RM, 0)
  return tokens_RL, {"predicted": predicted_RM, "labels": labels_RM, "weights": weights_RM}


def units(maskable_RL, starts_RL, *, kind, rng):
  """Numbers, ascending along each row, of what is hidden together."""
  before_RL = np.pad(maskable_RL[:, :-1], ((0, 0), (1, 0)))
  border_RL = ~maskable_RL | ~before_RL
  if kind == "token":
    return np.broadcast_to(np.arange(maskable_RL.shape[1]), maskable_RL.shape)
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


def choose(unit_RL, maskable_RL, *, share, slots, rng, cut=False):
  """Whole units in random order until `share` of a row's maskable tokens are taken.

  A unit that would pass that number, or `slots`, is passed over. What is left in the end is the
  beginning of one of those with `cut`; else a row without any has its first one that slots hold.
  """
  R, L = unit_RL.shape
  maskable_R = maskable_RL.sum(1)
  wanted_R = np.rint(share * maskable_R).clip(1, slots)
  score_RL = np.take_along_axis(rng.random((R, L)), unit_RL, 1)
  order_RL = np.argsort(np.where(maskable_RL, score_RL, 2), axis=1, kind="stable")
  sorted_RL = np.take_along_axis(unit_RL, order_RL, 1)
  first_RL = np.ones((R, L), bool)
  first_RL[:, 1:] = sorted_RL[:, 1:] != sorted_RL[:, :-1]
  begin_RL = np.maximum.accumulate(np.where(first_RL, np.arange(L), 0), 1)
  size_RL = np.zeros((R, L), int)
  np.add.at(size_RL, (np.arange(R)[:, None], begin_RL), 1)
  first_RL &= np.arange(L) < maskable_R[:, None]
  taken_RL, count_R = np.zeros((R, L), bool), np.zeros(R, int)
  for place in range(L):
    taken_RL[:, place] = first_RL[:, place] & (count_R + size_RL[:, place] <= wanted_R)
    count_R += taken_RL[:, place] * size_RL[:, place]
  passed_RL = first_RL & ~taken_RL & (cut | (size_RL <= slots))
  left_R = np.where(cut, wanted_R - count_R, np.where(count_R == 0, slots, 0)) * passed_RL.any(1)
  place_RL = np.arange(L) - passed_RL.argmax(1)[:, None]
  same_RL = begin_RL == passed_RL.argmax(1)[:, None]
  taken_RL = np.take_along_axis(taken_RL, begin_RL, 1)
  taken_RL |= same_RL & (place_RL >= 0) & (place_RL < left_R[:, None])
  chosen_RL = np.zeros((R, L), bool)
  np.put_along_axis(chosen_RL, order_RL, taken_RL, 1)
  return chosen_RL & maskable_RL
