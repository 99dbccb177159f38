"""Every host sees every language; the mix follows n^exponent; patterns name languages."""

import collections

import jax
from jax.sharding import NamedSharding, PartitionSpec
import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.batches import streams
from labse_jax.data.batches.streams import Host
from labse_jax.data.dataset import open_dataset


@pytest.fixture(scope="module")
def indices(folder):
  return open_dataset(folder / "data").indices_by_language


def mix(indices_by_language, host=None, exponent=0.3):
  host = host or Host(0, 1)
  return streams.LanguageMix(indices_by_language, exponent=exponent, seed=0, host=host)


def first(mixed, number, start=0):
  return [int(mixed[place]) for place in range(start, start + number)]


@pytest.mark.heavy
@pytest.mark.parametrize("count", [1, 2, 8])
def test_every_host_sees_every_language_in_the_same_shares(indices, count):
  language_of = {i: name for name, found in indices.items() for i in found}
  sizes = np.array([len(found) for found in indices.values()])
  expected = sizes**0.3 / (sizes**0.3).sum()
  for index in range(count):
    drawn = first(mix(indices, Host(index, count)), 400)
    counts = collections.Counter(language_of[i] for i in drawn)
    assert set(counts) == set(indices)
    shares = np.array([counts[name] / 400 for name in indices])
    np.testing.assert_allclose(shares, expected, atol=0.02)


@pytest.mark.heavy
def test_hosts_share_no_pair_and_leave_none_out(indices):
  one, other = (set(first(mix(indices, Host(n, 2), exponent=1.0), 800)) for n in (0, 1))
  large = [found for found in indices.values() if len(found) >= 2]
  assert not one & other
  assert one | other == set(np.concatenate(large))


@pytest.mark.heavy
def test_a_language_smaller_than_the_hosts_goes_to_all():
  few = {"eng-xxx": np.arange(3), "eng-deu": np.arange(3, 100)}
  for index in range(8):
    mixed = mix(few, Host(index, 8), exponent=0.0)
    assert set(first(mixed, 50)) >= {0, 1, 2}


def test_hosts_that_share_a_language_walk_it_in_orders_of_their_own():
  few = {"eng-xxx": np.arange(12)}  # Too small to be split between sixteen hosts.
  orders = {tuple(first(mix(few, Host(index, 16)), 12)) for index in range(16)}
  assert len(orders) == 16


def test_an_epoch_draws_each_pair_once_and_the_next_in_another_order(indices):
  mixed = mix({"eng-deu": indices["eng-deu"]})
  size = len(indices["eng-deu"])
  one = first(mixed, size)
  two = first(mixed, size, start=size)
  assert sorted(one) == sorted(two) == list(indices["eng-deu"])
  assert one != two


LANGUAGES = {"eng-deu": [0], "eng-fra": [1], "fra-deu": [2]}


@pytest.mark.parametrize(
  ("patterns", "names"),
  [
    ((), ["eng-deu", "eng-fra", "fra-deu"]),
    (("eng-*",), ["eng-deu", "eng-fra"]),
    (("fra-deu", "eng-deu"), ["eng-deu", "fra-deu"]),  # The dataset's order, as the seeds need.
    (("*-fra", "eng-fra"), ["eng-fra"]),
  ],
)
def test_patterns_choose_languages_in_the_order_of_the_dataset(patterns, names):
  chosen = streams.chosen_languages(LANGUAGES, patterns)
  assert list(chosen) == names
  assert all(chosen[name] is LANGUAGES[name] for name in names)


def test_a_pattern_that_names_nothing_is_told():
  with pytest.raises(InputError, match="language_pairs 'eng-frr'; did you mean 'eng-fra'"):
    streams.chosen_languages(LANGUAGES, ("eng-deu", "eng-frr"))


def test_rows_are_split_evenly_or_not_at_all():
  assert streams.host_rows(12, Host(1, 4)) == 3
  with pytest.raises(InputError, match="batch_rows = 8 is not divisible by the 3 hosts"):
    streams.host_rows(8, Host(0, 3))


def test_a_process_by_itself_is_the_only_host():
  assert streams.this_host() == Host(0, 1)


def test_a_batch_is_split_over_all_devices():
  mesh = jax.make_mesh((8,), ("batch",))
  sharding = NamedSharding(mesh, PartitionSpec("batch"))
  batch = {"tokens": np.arange(32).reshape(16, 2), "mask": np.ones(8, bool)}
  arrays = streams.to_devices(batch, sharding)
  for name, array in batch.items():
    np.testing.assert_array_equal(arrays[name], array)
    assert len(arrays[name].addressable_shards) == 8
    assert len(arrays[name].addressable_shards[0].data) == len(array) // 8


SMALL = {
  "eng-one": np.array([7]),
  "eng-two": np.array([3, 4]),
  "eng-deu": np.arange(10, 110),
  "eng-fra": np.arange(200, 1200),
}


@pytest.mark.parametrize("size", [1, 7, 1024])
@pytest.mark.parametrize("host", [Host(0, 1), Host(2, 3)], ids=str)
def test_a_chunk_is_its_places_one_by_one(size, host):
  chunks = mix(SMALL, host).chunks(size)
  alone = mix(SMALL, host)
  for number in (0, 1, 5, 90):  # Also over the border of an epoch, and of the table.
    chunk = chunks[number]
    assert chunk.dtype == np.int64
    assert chunk.tolist() == first(alone, size, start=number * size)


def test_the_table_of_turns_comes_again_and_the_epochs_go_on(monkeypatch):
  monkeypatch.setattr(streams, "TABLE", 50)
  mixed = mix({"eng-deu": np.arange(30), "eng-fra": np.arange(30, 70)}, exponent=1.0)
  drawn = [index for index in first(mixed, 50 * 30) if index < 30]
  epochs = [drawn[start : start + 30] for start in range(0, len(drawn) // 30 * 30, 30)]
  assert len(epochs) > 15
  assert all(sorted(epoch) == list(range(30)) for epoch in epochs)
  assert len(set(map(tuple, epochs))) == len(epochs)


def test_where_a_stream_was_before_changes_nothing():
  straight = mix(SMALL).take(np.arange(5_000))
  jumping = mix(SMALL)
  for place in np.random.default_rng(0).permutation(5_000)[:300]:
    assert jumping[place] == straight[place]


def test_another_seed_draws_the_same_languages_in_other_orders():
  one, other = (
    streams.LanguageMix(SMALL, exponent=0.3, seed=seed, host=Host(0, 1)).take(np.arange(2_000))
    for seed in (0, 1)
  )
  language_of = {int(i): name for name, found in SMALL.items() for i in found}
  assert [language_of[i] for i in one.tolist()] == [language_of[i] for i in other.tolist()]
  assert (one != other).mean() > 0.5
  again = streams.LanguageMix(SMALL, exponent=0.3, seed=0, host=Host(0, 1))
  np.testing.assert_array_equal(again.take(np.arange(2_000)), one)


def test_a_language_with_one_pair_comes_as_often_as_its_share_says():
  drawn = mix(SMALL).take(np.arange(4_000))
  sizes = np.array([1, 2, 100, 1000]) ** 0.3
  assert (drawn == 7).mean() == pytest.approx(sizes[0] / sizes.sum(), abs=0.01)
  assert mix({"eng-one": np.array([7])}).take(np.arange(20)).tolist() == [7] * 20


@pytest.mark.parametrize("step", [0, 3, 17])
def test_a_stream_goes_on_in_the_middle_of_an_epoch(step):
  straight = iter(streams.in_this_thread(mix(SMALL).chunks(11)))
  for _ in range(step):
    next(straight)
  resumed = iter(streams.in_this_thread(mix(SMALL).chunks(11)))
  resumed.set_state(straight.get_state())
  for _ in range(30):
    np.testing.assert_array_equal(next(resumed), next(straight))


def test_the_turns_of_each_language_lie_evenly():
  language_T = mix(SMALL).language_T
  for language in range(len(SMALL)):
    gaps = np.diff(np.flatnonzero(language_T == language))
    assert gaps.max() < 2.5 * gaps.mean()
