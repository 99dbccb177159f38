"""Puts several sentences, or several pairs, into one row: where each goes, as arrays."""

import itertools

import numpy as np

TOKENS = ("tokens", "segments", "positions")  # The arrays that say something of each token.


def pack(tokens_NI, capacity, slots, positions_NI=None):
  """Packs N items of I token arrays each into rows of `capacity` tokens.

  `positions_NI` are the tokens' positions, by default 0, 1, 2 and so on in each side of each item.
  Returns (arrays, row_N, slot_N). `arrays` holds int32 tokens, segments (from 1; 0 is padding)
  and positions, all [rows, I, capacity], and two bool arrays [rows, slots]: `mask`, slots in
  use, and `turned`, slots whose first two sides lie in each other's place.
  """
  lengths_NI = _lengths(tokens_NI)
  sides = lengths_NI.shape[1]
  if sides == 1:
    row_N, slot_N, rows = best_fit_decreasing(lengths_NI[:, 0], capacity, slots)
    turned_N = np.zeros(len(row_N), bool)
  else:
    row_N, slot_N, turned_N, rows = first_fit_decreasing(lengths_NI, capacity, slots)

  # From here on the items stand as they lie: by row and slot, so that segments ascend.
  order_N = np.lexsort((slot_N, row_N))
  lengths_NI = np.where(turned_N[:, None], lengths_NI[:, _turned_round(sides)], lengths_NI)
  lengths_NI = lengths_NI[order_N]
  place_T, ramp_T = _token_places(lengths_NI, row_N[order_N], capacity)
  values_T = {
    "tokens": _as_placed(tokens_NI, order_N, turned_N),
    "segments": np.repeat(slot_N[order_N] + 1, lengths_NI.sum(1)),
    "positions": ramp_T,
  }
  if positions_NI is not None:
    values_T["positions"] = _as_placed(positions_NI, order_N, turned_N)

  arrays = {}
  for name in TOKENS:
    arrays[name] = np.zeros((rows, sides, capacity), np.int32)
    arrays[name].reshape(-1)[place_T] = values_T[name]
  arrays["mask"] = np.zeros((rows, slots), bool)
  arrays["mask"][row_N, slot_N] = True
  arrays["turned"] = np.zeros((rows, slots), bool)
  arrays["turned"][row_N, slot_N] = turned_N
  return arrays, row_N, slot_N


def separate(arrays, order):
  """The rows of `arrays` one by one, in this order: [{name: array of the row}]."""
  rows = []
  for row in order:
    rows.append({name: array[row] for name, array in arrays.items()})
  return rows


def first_fit_decreasing(lengths_NI, capacity, slots):
  """Places N items, longest first, each in the first row that has room for all its I sides.

  `lengths_NI` are tokens, none above `capacity`; a row takes at most `slots` items. An item's first
  two sides may be turned round: the first then lies with the second sides of the other items.
  English is shorter than most languages, and without this its rows would stay half empty. Returns
  (row_N, slot_N, turned_N, rows).
  Grain's own packer places about 1,100 pairs a second; this one 100,000.
  """
  items, sides = lengths_NI.shape
  order_N = np.argsort(-lengths_NI.sum(1), kind="stable")
  free_RI = np.full((items, sides), capacity)
  count_R = np.zeros(items, int)
  row_N = np.zeros(items, int)
  slot_N = np.zeros(items, int)
  turned_N = np.zeros(items, bool)
  round_I = _turned_round(sides)
  rows = 0
  first_open = 0
  for n in order_N:
    length_I = lengths_NI[n]
    window = slice(first_open, rows + 1)  # One fresh row at the end always fits.
    as_is = (free_RI[window] >= length_I).all(1)
    turned = (free_RI[window] >= length_I[round_I]).all(1)
    fits = (as_is | turned) & (count_R[window] < slots)
    row = first_open + int(fits.argmax())
    # The longer side goes where more room is left.
    if (free_RI[row] - length_I).min() < (free_RI[row] - length_I[round_I]).min():
      turned_N[n] = True
      length_I = length_I[round_I]
    row_N[n] = row
    slot_N[n] = count_R[row]
    free_RI[row] -= length_I
    count_R[row] += 1
    rows = max(rows, row + 1)
    # Every sentence has two special tokens, so a row with less than that left is closed.
    while first_open < rows and (count_R[first_open] == slots or free_RI[first_open].min() < 2):
      first_open += 1
  return row_N, slot_N, turned_N, rows


def best_fit_decreasing(lengths_N, capacity, slots):
  """Places N sentences, longest first, each in the fullest row that has room for it.

  A row takes `capacity` tokens in at most `slots` sentences. Returns (row_N, slot_N, rows).
  """
  row_N = np.zeros(len(lengths_N), int)
  slot_N = np.zeros(len(lengths_N), int)
  open_rows = [[] for _ in range(capacity)]  # By how many tokens they have left.
  count_R = []
  for n in np.argsort(-lengths_N, kind="stable").tolist():
    length = int(lengths_N[n])
    left = next((left for left in range(length, capacity) if open_rows[left]), capacity)
    if left == capacity:
      row = len(count_R)
      count_R.append(0)
    else:
      row = open_rows[left].pop()
    row_N[n] = row
    slot_N[n] = count_R[row]
    count_R[row] += 1
    if count_R[row] < slots:
      open_rows[left - length].append(row)
  return row_N, slot_N, len(count_R)


def _turned_round(sides):
  """The order of an item's sides once the first two are exchanged; a single side stays."""
  return [1, 0, *range(2, sides)] if sides > 1 else [0]


def _lengths(tokens_NI):
  sides = itertools.chain.from_iterable(tokens_NI)
  return np.array([len(tokens) for tokens in sides]).reshape(len(tokens_NI), -1)


def _as_placed(values_NI, order_N, turned_N):
  """The items' values one after another, in their order and the order of their sides."""
  sides = []
  for n in order_N:
    item = values_NI[n]
    if turned_N[n]:
      item = [item[side] for side in _turned_round(len(item))]
    sides.extend(item)
  return np.concatenate(sides)


def _token_places(lengths_NI, row_N, capacity):
  """Where each of the T tokens lies in the flat [rows, I, capacity], and its place in its sentence.

  Items are in the order of their rows, and there of their slots.
  """
  start_NI = lengths_NI.cumsum(0) - lengths_NI
  start_NI -= start_NI[np.searchsorted(row_N, row_N)]  # From the start of the row.
  sides = lengths_NI.shape[1]
  start_NI += (row_N[:, None] * sides + np.arange(sides)) * capacity
  length_S = lengths_NI.ravel()  # Of all S sentences.
  ramp_T = np.arange(length_S.sum()) - np.repeat(length_S.cumsum() - length_S, length_S)
  return np.repeat(start_NI.ravel(), length_S) + ramp_T, ramp_T
