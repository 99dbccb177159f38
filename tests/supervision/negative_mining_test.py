"""Which texts are negatives, against the definition read pair by pair."""

import functools

import numpy as np
import pytest

from labse_jax.data.dataset import open_dataset
from labse_jax.data.sources import Pair
from labse_jax.supervision import negative_mining
from labse_jax.supervision.negative_mining import mine
from labse_jax.supervision.negative_rule import Rule
from tests.support.tiny import write_dataset


def pairs(rng, count, distinct):
  """Translations in two languages, in which sources and targets come more than once."""
  for _ in range(count):
    source, target = rng.integers(0, distinct, 2)
    language = ("deu", "fra")[rng.integers(2)]
    yield Pair("eng", language, "made-up", f"source {source}", f"target {target}")


@functools.cache
def vector(text):
  """Of a text alone; of whole numbers, so that products are exact and often equal."""
  return np.random.default_rng([*text.encode()]).integers(-2, 3, 6).astype(np.float32)


def encode(texts):
  return np.stack([vector(text) for text in texts])


def by_definition(dataset, rule):
  """For each pair the texts of its negatives and how many the margin dropped, one by one."""
  records = [dataset.source[n] for n in range(len(dataset))]
  found, dropped = [], 0
  for pair in records:
    same_language = [r for r in records if r["target_language"] == pair["target_language"]]
    distinct = list(dict.fromkeys(r["target"] for r in same_language))
    score = dict(zip(distinct, encode(distinct) @ encode([pair["source"]])[0], strict=True))
    nearest = sorted(distinct, key=lambda text: -score[text])[: rule.candidates]
    known = {r["target"] for r in same_language if r["source"] == pair["source"]}
    others = [text for text in nearest if text not in known]
    far = [text for text in others if score[text] < score[pair["target"]] - rule.margin]
    dropped += len(others) - len(far)
    found.append(far[: rule.k])
  return found, dropped


@pytest.fixture
def dataset(tmp_path):
  write_dataset(tmp_path / "data", pairs(np.random.default_rng(0), 120, 40))
  return open_dataset(tmp_path / "data")


@pytest.mark.heavy
@pytest.mark.parametrize(
  "rule", [Rule(3, 1.0, 8), Rule(1, 0.0, 1), Rule(5, -2.0, 50), Rule(30, 2.0, 30)], ids=str
)
@pytest.mark.parametrize("part", [7, 65_536])
def test_equals_the_definition(dataset, rule, part, monkeypatch):
  monkeypatch.setattr(negative_mining, "PART", part)
  negatives_NK, counts = mine(dataset, encode, rule)
  found, dropped = by_definition(dataset, rule)
  assert negatives_NK.shape == (120, rule.k) and negatives_NK.dtype == np.int32
  for row_K, expected, own in zip(negatives_NK, found, range(120), strict=True):
    assert (row_K[len(expected) :] == -1).all()
    mined = [dataset.source[n] for n in row_K[: len(expected)]]
    assert [one["target"] for one in mined] == expected
    assert {one["target_language"] for one in mined} <= {dataset.source[own]["target_language"]}
  assert counts["likely_translations"] == dropped
  assert counts["missing"] == (negatives_NK < 0).sum()
  assert 0 < counts["pairs_with_likely_translations"] <= 120


def test_every_text_is_encoded_once_for_a_language(dataset):
  seen = []
  mine(dataset, lambda texts: seen.extend(texts) or encode(texts), Rule(1, 0.0, 1))
  records = [dataset.source[n] for n in range(len(dataset))]
  targets = {(r["target_language"], r["target"]) for r in records}
  assert len(seen) == len({r["source"] for r in records}) + len(targets)


def test_a_language_of_one_target_has_no_negatives(tmp_path):
  write_dataset(tmp_path / "one", [Pair("eng", "deu", "x", f"source {n}", "nur") for n in range(3)])
  negatives_NK, counts = mine(open_dataset(tmp_path / "one"), encode, Rule(2, 0.0, 5))
  assert (negatives_NK == -1).all() and counts["missing"] == 6 and counts["looked_at"] == 0
