"""The stream goes on where it was; batches hold whole pairs of the languages asked for."""

import collections
import fnmatch
import json
import zlib

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.batches import distinct, pairs
from labse_jax.data.batches.streams import Host
from labse_jax.data.dataset import open_dataset
from labse_jax.tokenizer.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def dataset(folder):
  return open_dataset(folder / "data")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
  """Grain takes half a millisecond to shuffle one index of so small a language."""
  monkeypatch.setattr(pairs, "CHUNK", 256)
  monkeypatch.setattr(distinct, "PIECE", 256)


def stream(folder, dataset, rows=8, **changes):
  tokenizer = Tokenizer(folder / "vocabulary" / "tokenizer.json")
  options = dict(rows=rows, slots=4, length=32, exponent=0.3, seed=0, host=Host(0, 1)) | changes
  return iter(pairs.batches(dataset, tokenizer, **options))


def same(a, b):
  return all((a[name] == b[name]).all() for name in a)


MODES = {
  "mixed": {},
  "homogeneous": {"homogeneous": True},
  "distinct": {"no_repeats": True},
  "both": {"homogeneous": True, "no_repeats": True},
}


@pytest.mark.heavy
@pytest.mark.parametrize(
  ("steps", "mode"),
  [
    (0, "mixed"),
    (1, "mixed"),
    (7, "mixed"),
    (60, "mixed"),
    (7, "homogeneous"),
    (0, "distinct"),
    (60, "distinct"),
    (7, "both"),
  ],
)
def test_a_saved_position_gives_the_same_next_batches(folder, dataset, steps, mode):
  straight = stream(folder, dataset, **MODES[mode])
  for _ in range(steps):
    next(straight)
  position = json.loads(json.dumps(straight.get_state()))
  resumed = stream(folder, dataset, **MODES[mode])
  resumed.set_state(position)
  following = [next(straight) for _ in range(40)]  # Past the border of a chunk.
  assert all(same(next(resumed), batch) for batch in following)
  assert not same(following[0], following[1])


@pytest.mark.parametrize("prompt", ["", "open the "])
def test_a_batch_holds_whole_pairs_of_the_dataset_after_the_prompt(folder, dataset, prompt):
  tokenizer = Tokenizer(folder / "vocabulary" / "tokenizer.json")
  texts = [
    (prompt + e["source"], prompt + e["target"])
    for e in dataset.source.__getitems__(range(len(dataset)))
  ]
  known = {tuple(tuple(t) for t in tokenizer.encode(list(pair), 32)[0]) for pair in texts}
  batch = next(stream(folder, dataset, prompt=prompt))
  for row, slot in np.argwhere(batch["mask"]):
    sides = [batch["tokens"][row, i][batch["segments"][row, i] == slot + 1] for i in (0, 1)]
    sides = sides[::-1] if batch["turned"][row, slot] else sides
    assert tuple(map(tuple, sides)) in known
  assert (batch["segments"] > 0).mean() > 0.8


def test_equal_texts_have_equal_ids(folder, dataset):
  batch = next(stream(folder, dataset, rows=128))
  used = batch["ids"][batch["mask"]]
  texts = {}
  for row, slot in np.argwhere(batch["mask"]):
    side = int(batch["turned"][row, slot])
    tokens = batch["tokens"][row, side][batch["segments"][row, side] == slot + 1]
    texts.setdefault(int(batch["ids"][row, slot, 0]), set()).add(tuple(tokens))
  assert all(len(sources) == 1 for sources in texts.values())
  assert len(used) > len(texts) > 10  # Some sources do come twice.


def test_hosts_split_the_rows(folder, dataset):
  batch = next(stream(folder, dataset, host=Host(1, 4)))
  assert batch["tokens"].shape == (2, 2, 32)
  with pytest.raises(InputError, match="not divisible by the 3 hosts"):
    stream(folder, dataset, host=Host(0, 3))


def language_of_ids(dataset):
  """{(hash of source, hash of target): pair of languages}"""

  def ids(example):
    return tuple(zlib.crc32(example[side].encode()) for side in ("source", "target"))

  return {
    ids(dataset.source[int(i)]): name
    for name, indices in dataset.indices_by_language.items()
    for i in indices
  }


def languages_of(batch, names):
  return {names[tuple(pair)] for pair in batch["ids"][batch["mask"]].tolist()}


@pytest.mark.heavy
@pytest.mark.parametrize("no_repeats", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_homogeneous_batch_is_of_one_pair_of_languages_on_all_hosts(
  folder, dataset, count, no_repeats
):
  hosts = [
    stream(
      folder,
      dataset,
      homogeneous=True,
      no_repeats=no_repeats,
      exponent=0.5,
      host=Host(index, count),
    )
    for index in range(count)
  ]
  names, counts = language_of_ids(dataset), collections.Counter()
  for _ in range(40):
    (name,) = set().union(*(languages_of(next(host), names) for host in hosts))
    counts[name] += 1
  sizes = {name: len(ids) ** 0.5 for name, ids in dataset.indices_by_language.items()}
  for name, size in sizes.items():
    assert abs(counts[name] - 40 * size / sum(sizes.values())) <= 1.5


def test_a_small_language_of_many_hosts_is_not_packed_many_times_at_once(folder, dataset):
  small = next(name for name, ids in dataset.indices_by_language.items() if 24 <= len(ids) <= 60)
  share = len(dataset.indices_by_language[small]) // 4
  # Rows of one pair: an epoch is so many rows, and in one there is no pair twice.
  batches = stream(
    folder,
    dataset,
    rows=4 * share,
    slots=1,
    homogeneous=True,
    host=Host(3, 4),
    language_pairs=(small,),
  )
  ids = next(batches)["ids"].reshape(-1, 2)
  assert len(ids) == len(np.unique(ids, axis=0)) == share


@pytest.mark.heavy
@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_no_text_stands_twice_on_a_host(folder, dataset, count, homogeneous):
  batches = stream(
    folder,
    dataset,
    rows=32,
    homogeneous=homogeneous,
    no_repeats=True,
    host=Host(0, count),
  )
  for _ in range(8):
    batch = next(batches)
    assert batch["tokens"].shape == (32 // count, 2, 32)
    assert batch["mask"].shape == (32 // count, 4) and batch["mask"].any()
    ids = batch["ids"][batch["mask"]].ravel().tolist()
    assert len(ids) == len(set(ids))
    assert not batch["segments"][~batch["mask"].any(1)].any()


@pytest.mark.heavy
@pytest.mark.parametrize("mode", MODES)
def test_every_pair_of_every_host_is_seen(folder, dataset, mode):
  seen, names = set(), language_of_ids(dataset)
  for index in range(2):
    batches = stream(folder, dataset, rows=32, exponent=0.5, host=Host(index, 2), **MODES[mode])
    for _ in range(45):
      batch = next(batches)
      seen |= set(map(tuple, batch["ids"][batch["mask"]].tolist()))
  assert seen == set(names)


@pytest.mark.heavy
def test_distinct_rows_are_as_full_as_others(folder, dataset):
  fill = {}
  for mode in ("mixed", "distinct"):
    batches = stream(folder, dataset, exponent=1.0, **MODES[mode])
    fill[mode] = np.mean([(next(batches)["segments"] > 0).mean() for _ in range(60)])
  assert fill["distinct"] > fill["mixed"] - 0.05


@pytest.mark.heavy
def test_what_stands_beside_a_pair_stays_with_it(folder, dataset):
  beside = [lambda indices: {"number": indices}]
  batches = stream(folder, dataset, rows=32, no_repeats=True, beside=beside)
  names = {n: dataset.source[n] for n in range(len(dataset))}
  for _ in range(5):
    batch = next(batches)
    assert "index" not in batch
    for number, ids in zip(
      batch["number"][batch["mask"]], batch["ids"][batch["mask"]], strict=True
    ):
      texts = (names[int(number)][side] for side in ("source", "target"))
      assert [zlib.crc32(text.encode()) for text in texts] == ids.tolist()


@pytest.mark.heavy
@pytest.mark.parametrize("patterns", [("eng-fra",), ("eng-[jt]*", "eng-fra"), ("*",)])
def test_only_the_language_pairs_asked_for_are_drawn(folder, dataset, patterns):
  expected = {
    name
    for name in dataset.indices_by_language
    if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
  }
  batches = stream(folder, dataset, rows=32, language_pairs=patterns, exponent=0.0)
  names = language_of_ids(dataset)
  assert set().union(*(languages_of(next(batches), names) for _ in range(5))) == expected


def test_a_pattern_that_names_nothing_is_told(folder, dataset):
  with pytest.raises(InputError, match="language_pairs 'eng-frr'; did you mean 'eng-fra'"):
    stream(folder, dataset, language_pairs=("eng-deu", "eng-frr"))


def test_share_cut_counts_long_sentences(folder, dataset):
  tokenizer = Tokenizer(folder / "vocabulary" / "tokenizer.json")
  lengths = [
    len(t)
    for e in dataset.source.__getitems__(range(len(dataset)))
    for t in tokenizer.encode([e["source"], e["target"]], 512)[0]
  ]
  expected = np.mean(np.array(lengths) > 12)
  assert 0 < expected < 1

  def share(indices, **prompt):
    return pairs.share_cut(dataset.source, indices, tokenizer, 12, **prompt)

  everything = np.arange(len(dataset))
  assert share(everything) == pytest.approx(expected)
  assert share(everything, prompt="open the page ") > expected
  assert {share(np.array([n])) for n in range(50)} == {0, 0.5, 1}
