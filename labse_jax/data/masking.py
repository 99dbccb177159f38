"""What masked language modelling hides of packed rows, and what stands there instead."""

import numpy as np

from labse_jax.errors import known

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
  chosen_RL = choose(unit_RL, maskable_RL, share=share, slots=slots, rng=rng)
  roll_RL = rng.random(tokens_RL.shape)
  if kind == "span":
    roll_RL = np.take_along_axis(roll_RL, unit_RL, 1)
  random_RL = ordinary_V[rng.integers(len(ordinary_V), size=tokens_RL.shape)]
  instead_RL = np.where(roll_RL < MASKED, mask_id, np.where(
      roll_RL < MASKED + RANDOM, random_RL, tokens_RL))  # fmt: skip
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


def choose(unit_RL, maskable_RL, *, share, slots, rng):
  """Whole units in random order until `share` of a row's maskable tokens are taken.

  The unit on the border is taken where more than half of it lies within, so that the share is right
  on average; `slots` is never passed.
  """
  R, L = unit_RL.shape
  wanted_R1 = np.rint(share * maskable_RL.sum(1, keepdims=True)).clip(1, slots)
  score_RL = np.take_along_axis(rng.random((R, L)), unit_RL, 1)
  order_RL = np.argsort(np.where(maskable_RL, score_RL, 2), axis=1, kind="stable")
  sorted_RL = np.take_along_axis(unit_RL, order_RL, 1)
  place_L = np.arange(L)
  changes_RL = sorted_RL[:, 1:] != sorted_RL[:, :-1]
  first_RL = np.pad(changes_RL, ((0, 0), (1, 0)), constant_values=True)
  last_RL = np.pad(changes_RL, ((0, 0), (0, 1)), constant_values=True)
  begin_RL = np.maximum.accumulate(np.where(first_RL, place_L, 0), 1)
  end_RL = np.minimum.accumulate(np.where(last_RL, place_L + 1, L)[:, ::-1], 1)[:, ::-1]
  # A unit that the border halves is taken every other time.
  border_R1 = wanted_R1 + rng.random((R, 1)) - 0.5
  taken_RL = ((begin_RL + end_RL) / 2 < border_R1) & (end_RL <= slots)
  chosen_RL = np.zeros((R, L), bool)
  np.put_along_axis(chosen_RL, order_RL, taken_RL, 1)
  return chosen_RL & maskable_RL
