"""No text twice in a batch, no pair lost, and the stream goes on where it was."""

import collections
import json
import zlib

import grain
import numpy as np
import pytest

from labse_jax.data.batches import distinct
from labse_jax.data.batches.distinct import DistinctBatches, split_repeats

SLOTS = 3


def texts_of(count, texts, seed=0):
  """`count` pairs of texts of which there are `texts`, some far more frequent than others."""
  rng = np.random.default_rng(seed)
  return [[f"text {rng.zipf(1.3) % texts}", f"text {rng.zipf(1.3) % texts}"] for _ in range(count)]


def pack(pairs, indices):
  """Rows of three slots, as data/batches/pairs makes them but without tokens."""
  rows = []
  for start in range(0, len(indices), SLOTS):
    used = indices[start : start + SLOTS]
    row = {
      "mask": np.zeros(SLOTS, bool),
      "ids": np.zeros((SLOTS, 2), np.uint32),
      "index": np.zeros(SLOTS, int),
      "number": np.zeros(SLOTS, int),
    }
    row["mask"][: len(used)] = True
    row["index"][: len(used)] = row["number"][: len(used)] = used
    row["ids"][: len(used)] = [[zlib.crc32(t.encode()) for t in pairs[i]] for i in used]
    rows.append(row)
  return rows


def stream(pairs, size=4, chunk=8):
  chunks = grain.MapDataset.source(range(len(pairs))).shuffle(seed=0).repeat().batch(chunk)
  return iter(
    DistinctBatches(
      chunks.to_iter_dataset(),
      read=lambda indices: [pairs[i] for i in indices],
      pack=lambda indices: pack(pairs, indices),
      size=size,
      slots=SLOTS,
    )
  )


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
  monkeypatch.setattr(distinct, "PIECE", 16)


@pytest.mark.heavy
@pytest.mark.parametrize("size", [1, 4, 30])
@pytest.mark.parametrize("texts", [5, 60, 3000])
def test_no_text_stands_twice_in_a_batch(size, texts):
  pairs = texts_of(200, texts)
  batches = stream(pairs, size)
  for _ in range(40):
    batch = next(batches)
    assert batch["mask"].shape == (size, SLOTS) and batch.keys() == {"mask", "ids", "number"}
    assert batch["mask"].any()
    used = [set(pairs[n]) for n in batch["number"][batch["mask"]]]
    assert sum(map(len, used)) == len(set().union(*used))
    assert not batch["ids"][~batch["mask"]].any()


@pytest.mark.parametrize("size", [2, 11])
def test_every_pair_comes_and_none_far_more_often(size):
  pairs = [[f"source {n}", f"target {n // 2}"] for n in range(100)]  # Each target twice.
  batches, counts = stream(pairs, size), collections.Counter()
  while sum(counts.values()) < 1000:
    batch = next(batches)
    assert batch["mask"].any(1).all()
    counts.update(batch["number"][batch["mask"]].tolist())
  assert set(counts) == set(range(100)) and max(counts.values()) <= 12


def test_a_pair_that_waits_goes_first():
  pairs = [["same", f"other {n}"] if n < 3 else [f"a {n}", f"b {n}"] for n in range(48)]
  numbers = [
    set(batch["number"][batch["mask"]].tolist())
    for batch, _ in zip(stream(pairs, size=6), range(8), strict=False)
  ]
  at = [[step for step, found in enumerate(numbers) if n in found] for n in range(3)]
  assert all(at) and len({steps[0] for steps in at}) == 3


@pytest.mark.parametrize("texts", [5, 60])
def test_too_few_texts_leave_rows_empty(texts):
  pairs = [[f"source {n % texts}", f"target {n}"] for n in range(500)]
  batches = stream(pairs, size=30)
  for _ in range(60):  # Far more wait than may: some are let go until the next epoch.
    batch = next(batches)
    assert 1 <= batch["mask"].sum() <= texts
    assert not batch["mask"][-1].any()
    assert len(batches.waiting) <= distinct.PATIENCE * 30 * SLOTS


@pytest.mark.heavy
@pytest.mark.parametrize("texts", [60, 1_000_000])  # Pairs wait, and rows do.
@pytest.mark.parametrize("steps", [0, 1, 5, 33])
def test_a_saved_position_gives_the_same_next_batches(steps, texts):
  rng = np.random.default_rng(0)
  pairs = [[f"source {n}", f"target {rng.integers(texts)}"] for n in range(200)]
  straight, resumed = stream(pairs), stream(pairs)
  for _ in range(steps):
    next(straight)
  resumed.set_state(json.loads(json.dumps(straight.get_state())))
  assert resumed.get_state() == straight.get_state()
  for _ in range(20):
    one, other = next(straight), next(resumed)
    assert all((one[name] == other[name]).all() for name in one)


def test_split_repeats():
  seen = {9}
  pairs = [(4, {1, 2}), (5, {2, 3}), (6, {3}), (7, {9}), (4, {1, 2})]
  assert split_repeats(pairs, seen) == ([4, 6], {5: {2, 3}, 7: {9}, 4: {1, 2}})
  assert seen == {1, 2, 3, 9}
