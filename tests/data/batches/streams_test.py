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
