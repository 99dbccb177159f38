"""Several sentences, or several pairs, in one row: where each goes, and the arrays that say so."""

import numpy as np


def first_fit_decreasing(lengths_NI, capacity, slots):
  """Places N items, longest first, each in the first row that has room for all its I sides.

  lengths_NI are tokens, none above `capacity`; a row takes at most `slots` items. An item's first
  two sides may be turned round, the first lying with the other items' second ones: English is
  shorter than most languages, and rows of it would stay half empty. Returns (row_N, slot_N,
  turned_N, rows).
  Grain's own packer places about 1,100 pairs a second; this one 100,000.
  """
  order_N = np.argsort(-lengths_NI.sum(1), kind="stable")
  free_RI = np.full((len(lengths_NI), lengths_NI.shape[1]), capacity)
  count_R = np.zeros(len(lengths_NI), int)
  row_N, slot_N, turned_N = np.zeros((3, len(lengths_NI)), int)
  rows = first_open = 0
  round_I = _turned_round(lengths_NI.shape[1])
  for n in order_N:
    length_I = lengths_NI[n]
    window = slice(first_open, rows + 1)  # One fresh row at the end always fits.
    as_is = (free_RI[window] >= length_I).all(1)
    turned = (free_RI[window] >= length_I[round_I]).all(1)
    row = first_open + int(((as_is | turned) & (count_R[window] < slots)).argmax())
    # The longer side goes where more room is left.
    if (free_RI[row] - length_I).min() < (free_RI[row] - length_I[round_I]).min():
      turned_N[n], length_I = 1, length_I[round_I]
    row_N[n], slot_N[n] = row, count_R[row]
    free_RI[row] -= length_I
    count_R[row] += 1
    rows = max(rows, row + 1)
    # Every sentence has two special tokens, so a row with less than that left is closed.
    while first_open < rows and (count_R[first_open] == slots or free_RI[first_open].min() < 2):
      first_open += 1
  return row_N, slot_N, turned_N.astype(bool), rows


def _turned_round(sides):
  return [1, 0, *range(2, sides)] if sides > 1 else [0]


def best_fit_decreasing(lengths_N, capacity, slots):
  """Places N sentences, longest first, each in the fullest row that has room for it.

  A row takes `capacity` tokens in at most `slots` sentences. Returns (row_N, slot_N, rows).
  """
  row_N, slot_N = np.zeros((2, len(lengths_N)), int)
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
    row_N[n], slot_N[n] = row, count_R[row]
    count_R[row] += 1
    if count_R[row] < slots:
      open_rows[left - length].append(row)
  return row_N, slot_N, len(count_R)


def pack(tokens_NI, capacity, slots, positions_NI=None):
  """Packs N items of I token arrays each into rows of `capacity` tokens.

  `positions_NI` are the tokens' positions, by default 0, 1, 2 and so on in each side of each item.
  Returns (arrays, row_N, slot_N). `arrays` holds int32 tokens, segments (from 1; 0 is padding)
  and positions, all [rows, I, capacity], and two bool arrays [rows, slots]: `mask`, slots in
  use, and `turned`, slots whose first two sides lie in each other's place.
  """
  lengths_NI = np.array([[len(tokens) for tokens in item] for item in tokens_NI])
  if lengths_NI.shape[1] == 1:
    row_N, slot_N, rows = best_fit_decreasing(lengths_NI[:, 0], capacity, slots)
    turned_N = np.zeros(len(row_N), bool)
  else:
    row_N, slot_N, turned_N, rows = first_fit_decreasing(lengths_NI, capacity, slots)
  names, shape = ("tokens", "segments", "positions"), (rows, lengths_NI.shape[1], capacity)
  arrays = {name: np.zeros(shape, np.int32) for name in names}
  arrays |= {name: np.zeros((rows, slots), bool) for name in ("mask", "turned")}
  arrays["mask"][row_N, slot_N] = True
  arrays["turned"][row_N, slot_N] = turned_N

  order_N = np.lexsort((slot_N, row_N))  # A row's slots in order, so that segments ascend.
  round_I = _turned_round(lengths_NI.shape[1])
  lengths_NI = np.where(turned_N[:, None], lengths_NI[:, round_I], lengths_NI)[order_N]
  place_T, ramp_T = _token_places(lengths_NI, row_N[order_N], capacity)

  def as_placed(n, item):
    return [item[i] for i in round_I] if turned_N[n] else item

  def flat(items):
    return np.concatenate([side for n in order_N for side in as_placed(n, items[n])])

  values = (
    flat(tokens_NI),
    np.repeat(slot_N[order_N] + 1, lengths_NI.sum(1)),
    ramp_T if positions_NI is None else flat(positions_NI),
  )
  for name, values_T in zip(names, values, strict=True):
    arrays[name].reshape(-1)[place_T] = values_T
  return arrays, row_N, slot_N


def _token_places(lengths_NI, row_N, capacity):
  """(where each of the T tokens lies in flat [rows, I, capacity], its place in its sentence).

  Items are in the order of their rows, and there of their slots.
  """
  start_NI = lengths_NI.cumsum(0) - lengths_NI
  start_NI -= start_NI[np.searchsorted(row_N, row_N)]  # From the start of the row.
  sides = lengths_NI.shape[1]
  start_NI += (row_N[:, None] * sides + np.arange(sides)) * capacity
  length_S = lengths_NI.ravel()
  ramp_T = np.arange(length_S.sum()) - np.repeat(length_S.cumsum() - length_S, length_S)
  return np.repeat(start_NI.ravel(), length_S) + ramp_T, ramp_T
