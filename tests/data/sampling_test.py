"""Shares of languages follow the exponent, and a sample follows the shares."""

from collections import Counter
import types

import numpy as np
import pytest

from labse_jax.data.dataset import open_dataset
from labse_jax.data.sampling import smoothed, smoothed_sample
from labse_jax.data.sources import Pair
from tests.support.tiny import write_dataset


@pytest.mark.parametrize("exponent", [0, 0.3, 0.7, 1])
def test_shares_follow_the_power_of_the_counts(exponent):
  p = smoothed([1, 10, 10_000, 3_000_000_000], exponent)
  assert p.sum() == pytest.approx(1)
  np.testing.assert_allclose(p[1:] / p[:1], [10**exponent, 10_000**exponent, 3e9**exponent])


def test_a_known_case():
  np.testing.assert_allclose(smoothed([1, 1024], 0.3), [1 / 9, 8 / 9])


class FakeSource:
  """Texts that say which example they are."""

  def __getitems__(self, indices):
    return [{"source": f"s{i}", "target": f"t{i}"} for i in indices]


def fake_dataset(*counts):
  bounds = np.cumsum([0, *counts])
  groups = {f"eng-{n}": np.arange(*bounds[n : n + 2]) for n in range(len(counts))}
  return types.SimpleNamespace(indices_by_language=groups, source=FakeSource(), monolingual=False)


@pytest.mark.parametrize("exponent", [0.3, 1.0])
def test_the_sample_follows_the_exponent_and_repeats_nothing(exponent):
  dataset = fake_dataset(1_000, 32_000, 100_000)
  sample = list(smoothed_sample(dataset, exponent=exponent, size=1_500))
  assert len(set(sample)) == len(sample)
  edges = [1_000, 33_000]
  got = Counter(int(np.searchsorted(edges, int(text[1:]), "right")) for text in sample)
  shares = np.array([1_000, 32_000, 100_000.0]) ** exponent
  np.testing.assert_allclose([got[n] for n in range(3)], 1_500 * shares / shares.sum(), atol=2.5)
  # Within a language the draw is even: the mean index is the middle.
  own = [int(text[1:]) for text in sample if int(text[1:]) >= 33_000]
  assert abs(np.mean(own) - 83_000) < 4 * 100_000 / np.sqrt(12 * len(own) / 2)


def test_the_sample_is_the_same_again_and_another_with_another_seed():
  def draw(seed):
    return list(smoothed_sample(fake_dataset(500, 900), exponent=0.3, size=100, seed=seed))

  assert draw(0) == draw(0) != draw(1)


def test_a_small_language_gives_all_it_has():
  sample = list(smoothed_sample(fake_dataset(3, 5_000), exponent=0.0, size=1_000))
  assert {f"{side}{i}" for side in "st" for i in range(3)} <= set(sample)


def test_blank_text_is_not_in_a_sample(tmp_path):
  pairs = [Pair("eng", "deu", "-", "one", "\u3164"), Pair("eng", "deu", "-", "\ufeff", "zwei")]
  write_dataset(tmp_path / "d", pairs)
  sample = smoothed_sample(open_dataset(tmp_path / "d"), exponent=0.3, size=4)
  assert sorted(sample) == ["one", "zwei"]


def test_an_empty_dataset_gives_an_empty_sample():
  assert list(smoothed_sample(fake_dataset(), exponent=0.3, size=100)) == []


def test_a_sample_of_documents_is_lines(tmp_path):
  texts = [
    [f"{language} {n} {i}" for i in range(20)]
    for language in ("eng", "deu")
    for n in range(30 if language == "deu" else 3)
  ]
  write_dataset(tmp_path / "d", [Pair(t[0][:3], "", "-", "\n".join(t), "") for t in texts])

  def draw():
    return list(smoothed_sample(open_dataset(tmp_path / "d"), exponent=0.0, size=60))

  sample = draw()
  assert draw() == sample and len(set(sample)) == len(sample)
  assert set(sample) <= {line for text in texts for line in text}
  # Thirty lines of each language, of as many documents as it has: one of each, or ten.
  assert Counter(tuple(line.split()[:2]) for line in sample) == {
    **{("deu", f"{n}"): 1 for n in range(30)},
    **{("eng", f"{n}"): 10 for n in range(3)},
  }
  dataset = open_dataset(tmp_path / "d")

  def draw(seed):
    return list(smoothed_sample(dataset, exponent=0.0, size=90, seed=seed))

  sizes = [len(draw(seed)) for seed in range(9)]
  assert 85 < np.mean(sizes) < 95  # Half of the German documents give one line, half give two.
  assert any(line.endswith(" 19") for line in sample), "only the documents' first lines"
