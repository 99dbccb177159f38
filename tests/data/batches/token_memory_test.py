"""What is remembered is what tokenising anew would give, whether there is room or not."""

import zlib

import numpy as np
import pytest

from labse_jax.data.batches import pairs, token_memory
from labse_jax.data.batches.streams import Host
from labse_jax.data.batches.token_memory import TokenMemory
from labse_jax.data.dataset import open_dataset
from labse_jax.tokenizer.tokenizer import Tokenizer

SIZE = 50


class Pairs:
  """Pair n: n words of numbers, and their sum; counts how often each pair is read."""

  def __init__(self):
    self.times_read = np.zeros(SIZE, int)

  def read(self, indices):
    self.times_read[indices] += 1
    return [[" ".join(map(str, range(n))), str(n)] for n in np.asarray(indices).tolist()]


def tokenise(texts_by_pair):
  tokens = []
  hashes = []
  for texts in texts_by_pair:
    tokens.append([np.array(text.split(), np.int32) for text in texts])
    hashes.append([zlib.crc32(text.encode()) for text in texts])
  return tokens, np.array(hashes, np.uint32)


@pytest.fixture
def source():
  return Pairs()


def assert_as_anew(memory, indices):
  tokens, hashes_N2 = memory.look_up(np.array(indices))
  expected, expected_N2 = tokenise(Pairs().read(np.array(indices)))
  assert len(tokens) == len(expected) == len(hashes_N2)
  for pair, expected_pair in zip(tokens, expected, strict=True):
    for side, expected_side in zip(pair, expected_pair, strict=True):
      np.testing.assert_array_equal(side, expected_side)
  np.testing.assert_array_equal(hashes_N2, expected_N2)
  assert hashes_N2.dtype == np.uint32


LOOK_UPS = ([3, 1, 4, 1, 5], [9, 2, 6, 5, 3, 5], [0], [49] * 3, list(range(SIZE)), [8, 9, 7, 9])


# No room at all; for some of the pairs; for all.
@pytest.mark.parametrize("room", [0, 40, 600, 1 << 26])
def test_a_memory_of_any_size_says_what_tokenising_says(source, monkeypatch, room):
  monkeypatch.setattr(token_memory, "MOST_TOKENS", room)
  memory = TokenMemory(SIZE, source.read, tokenise)
  for indices in LOOK_UPS:
    assert_as_anew(memory, indices)
  assert memory.used <= room


def test_with_room_each_pair_is_read_once(source):
  memory = TokenMemory(SIZE, source.read, tokenise)
  for indices in (*LOOK_UPS, *LOOK_UPS):
    memory.look_up(np.array(indices))
  assert source.times_read.tolist() == [1] * SIZE


def test_a_full_memory_reads_only_what_it_lacks(source, monkeypatch):
  monkeypatch.setattr(token_memory, "MOST_TOKENS", 60)
  memory = TokenMemory(SIZE, source.read, tokenise)
  memory.look_up(np.arange(10))  # 55 tokens.
  assert_as_anew(memory, [2, 30, 2, 30, 31])
  assert source.times_read[[2, 30, 31]].tolist() == [1, 1, 1]
  assert memory.used == 55


def test_tokens_that_were_handed_out_stay_as_the_memory_grows(monkeypatch, source):
  memory = TokenMemory(SIZE, source.read, tokenise)
  memory.tokens = np.empty(4, np.int32)
  tokens, _ = memory.look_up(np.array([3]))
  memory.look_up(np.arange(SIZE))
  assert tokens[0][0].tolist() == [0, 1, 2] and len(memory.tokens) > SIZE
  assert_as_anew(memory, [3, 48])


@pytest.mark.parametrize("chunk", [1, 7, 50, 4096])
def test_fill_reads_all_pairs_once(source, monkeypatch, chunk):
  monkeypatch.setattr(token_memory, "CHUNK", chunk)
  memory = TokenMemory(SIZE, source.read, tokenise)
  memory.fill(np.random.default_rng(0).permutation(SIZE))
  assert source.times_read.tolist() == [1] * SIZE
  for indices in LOOK_UPS:
    assert_as_anew(memory, indices)
  assert source.times_read.tolist() == [1] * SIZE


def test_fill_stops_where_there_is_no_more_room(source, monkeypatch):
  monkeypatch.setattr(token_memory, "CHUNK", 10)
  monkeypatch.setattr(token_memory, "MOST_TOKENS", 60)
  memory = TokenMemory(SIZE, source.read, tokenise)
  memory.fill(np.arange(SIZE))
  assert (memory.start_N >= 0).tolist() == [True] * 10 + [False] * 40
  # One chunk was refused, and another was read meanwhile.
  assert source.times_read.sum() <= 30
  for indices in LOOK_UPS:
    assert_as_anew(memory, indices)


MODES = {
  "mixed": {},
  "homogeneous": {"homogeneous": True},
  "distinct": {"no_repeats": True},
  "prompt": {"prompt": "open the "},
  "one of two hosts": {"host": Host(1, 2)},
  "some languages": {"language_pairs": ("eng-f*", "eng-jpn")},
}


@pytest.mark.parametrize("room", [500, 1 << 26])
@pytest.mark.parametrize("mode", MODES)
def test_batches_are_the_same_whether_pairs_are_tokenised_first(folder, monkeypatch, mode, room):
  dataset = open_dataset(folder / "data")
  tokenizer = Tokenizer(folder / "vocabulary" / "tokenizer.json")
  monkeypatch.setattr(pairs, "CHUNK", 64)
  options = dict(rows=8, slots=4, length=32, exponent=0.3, seed=0, host=Host(0, 1)) | MODES[mode]
  plain = iter(pairs.batches(dataset, tokenizer, **options))
  expected = [next(plain) for _ in range(40)]
  monkeypatch.setattr(token_memory, "MOST_TOKENS", room)
  monkeypatch.setattr(token_memory, "CHUNK", 50)
  first = iter(pairs.batches(dataset, tokenizer, tokenise_first=True, **options))
  for batch in expected:
    other = next(first)
    assert batch.keys() == other.keys()
    for name, array in batch.items():
      np.testing.assert_array_equal(other[name], array)


@pytest.mark.parametrize("recent", [0, 3, 1000])
def test_a_text_is_what_it_is_whether_it_was_seen_lately(folder, monkeypatch, recent):
  dataset = open_dataset(folder / "data")
  tokenizer = Tokenizer(folder / "vocabulary" / "tokenizer.json")
  monkeypatch.setattr(pairs, "RECENT", recent)
  packer = pairs.PairPacker(dataset.source, tokenizer, 32, 4, "to ")
  texts_by_pair = [["open a file", "not a file"], ["a page", "open a file"], ["a", "a"]]
  for _ in range(2):
    items, hashes_N2 = packer._tokenise(texts_by_pair)
    assert hashes_N2.tolist() == [
      [zlib.crc32(t.encode()) for t in texts] for texts in texts_by_pair
    ]
    for sides, texts in zip(items, texts_by_pair, strict=True):
      wanted, _ = tokenizer.encode([f"to {text}" for text in texts], 32)
      assert [ids.tolist() for ids in sides] == [list(ids) for ids in wanted]
    assert len(packer.recent) <= max(recent, 4)
