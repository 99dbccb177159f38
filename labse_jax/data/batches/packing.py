"""Puts several sentences, or several pairs, into one row: where each goes, as arrays."""

from collections.abc import Iterable, Mapping, Sequence
import itertools

import numpy as np

TOKENS = ("tokens", "segments", "positions")  # The arrays that say something of each token.
CLOSED = -1  # The room of a row that takes no more items.


def pack(
  tokens_NI: Sequence[Sequence[np.ndarray]],
  capacity: int,
  slots: int,
  positions_NI: Sequence[Sequence[np.ndarray]] | None = None,
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
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
  placed = _placed(lengths_NI, order_N, turned_N)
  lengths_NI = lengths_NI.ravel()[placed].reshape(lengths_NI.shape)
  place_T, ramp_T = _token_places(lengths_NI, row_N[order_N], capacity)
  values_T = {
    "tokens": _in_order(tokens_NI, placed, lengths_NI, ramp_T),
    "segments": np.repeat(slot_N[order_N] + 1, lengths_NI.sum(1)),
    "positions": ramp_T,
  }
  if positions_NI is not None:
    values_T["positions"] = _in_order(positions_NI, placed, lengths_NI, ramp_T)

  arrays = {}
  for name in TOKENS:
    arrays[name] = np.zeros((rows, sides, capacity), np.int32)
    arrays[name].reshape(-1)[place_T] = values_T[name]
  arrays["mask"] = np.zeros((rows, slots), bool)
  arrays["mask"][row_N, slot_N] = True
  arrays["turned"] = np.zeros((rows, slots), bool)
  arrays["turned"][row_N, slot_N] = turned_N
  return arrays, row_N, slot_N


def separate(arrays: Mapping[str, np.ndarray], order: Iterable[int]) -> list[dict[str, np.ndarray]]:
  """The rows of `arrays` one by one, in this order: [{name: array of the row}]."""
  rows = []
  for row in order:
    rows.append({name: array[row] for name, array in arrays.items()})
  return rows


def first_fit_decreasing(
  lengths_NI: np.ndarray, capacity: int, slots: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
  """Places N items, longest first, each in the first row that has room for all its I sides.

  `lengths_NI` are tokens, none above `capacity`; a row takes at most `slots` items. An item's first
  two sides may be turned round: the first then lies with the second sides of the other items.
  English is shorter than most languages, and without this its rows would stay half empty. Returns
  (row_N, slot_N, turned_N, rows).
  Grain's own packer places about 1,100 pairs a second; this one 100,000.
  """
  items, sides = lengths_NI.shape
  order_N = np.argsort(-lengths_NI.sum(1), kind="stable")
  # A column for each side: reductions over an axis of two cost more than all the rest.
  free_IR = np.full((sides, items), capacity)
  count_R = [0] * items
  row_N = np.zeros(items, int)
  slot_N = np.zeros(items, int)
  turned_N = np.zeros(items, bool)
  round_I = _turned_round(sides)
  rows = 0
  first_open = 0
  for n, length_I in zip(order_N.tolist(), lengths_NI[order_N].tolist(), strict=True):
    turned_I = [length_I[side] for side in round_I]
    window_IR = free_IR[:, first_open : rows + 1]  # One fresh row at the end always fits.
    row = first_open + int((_fits(window_IR, length_I) | _fits(window_IR, turned_I)).argmax())
    free_I = free_IR[:, row].tolist()
    # The longer side goes where more room is left.
    if _least_left(free_I, length_I) < _least_left(free_I, turned_I):
      turned_N[n] = True
      length_I = turned_I
    row_N[n] = row
    slot_N[n] = count_R[row]
    count_R[row] += 1
    # Every sentence has two special tokens, so a row with less than that left is closed.
    full = count_R[row] == slots or _least_left(free_I, length_I) < 2
    free_IR[:, row] = CLOSED if full else np.subtract(free_I, length_I)
    rows = max(rows, row + 1)
    while first_open < rows and free_IR[0, first_open] == CLOSED:
      first_open += 1
  return row_N, slot_N, turned_N, rows


def _fits(free_IR, length_I):
  """Which rows have room for an item's sides, [R]."""
  fits_R = free_IR[0] >= length_I[0]
  for free_R, length in zip(free_IR[1:], length_I[1:], strict=True):
    fits_R &= free_R >= length
  return fits_R


def _least_left(free_I, length_I):
  """What a row's fullest side has left once the item is in it."""
  return min(free - length for free, length in zip(free_I, length_I, strict=True))


def best_fit_decreasing(
  lengths_N: np.ndarray, capacity: int, slots: int
) -> tuple[np.ndarray, np.ndarray, int]:
  """Places N sentences, longest first, each in the fullest row that has room for it.

  A row takes `capacity` tokens in at most `slots` sentences. Returns (row_N, slot_N, rows).
  """
  row_N = np.zeros(len(lengths_N), int)
  slot_N = np.zeros(len(lengths_N), int)
  # By how many tokens they have left.
  open_rows: list[list[int]] = [[] for _ in range(capacity)]
  count_R: list[int] = []
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


def _placed(lengths_NI, order_N, turned_N):
  """The numbers of the sentences, sides of one item after another, as they lie: [N * I]."""
  sides = lengths_NI.shape[1]
  side_NI = np.where(turned_N[order_N, None], _turned_round(sides), np.arange(sides))
  return (order_N[:, None] * sides + side_NI).ravel()


def _in_order(values_NI, placed, lengths_NI, ramp_T):
  """The sentences' values one after another, in the order `placed`."""
  values_T = np.concatenate([*itertools.chain.from_iterable(values_NI)])
  start_S = np.empty(len(placed), np.int64)
  start_S[placed] = lengths_NI.ravel()
  start_S = start_S.cumsum() - start_S
  return values_T[np.repeat(start_S[placed], lengths_NI.ravel()) + ramp_T]


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
