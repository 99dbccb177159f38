import pytest

from labse_jax.mining.pair_files import ScoredPair
from labse_jax.mining.score_steps import _columns, cut, table


def pairs(count):
  return [ScoredPair(2 - n / count, f"source {n}", f"target {n}", 1, 1) for n in range(count)]


def test_each_step_is_a_score_and_how_many_pairs_reach_it():
  given = pairs(2000)
  _, *lines = table(given)
  for line in lines:
    score, count, words = line.split(maxsplit=2)
    rank = int(count.replace(",", ""))
    assert sum(pair.score >= float(score) - 1e-9 for pair in given) == rank
    assert words == f"source {rank - 1} | target {rank - 1}"
  assert len(lines) == 11 and lines[-1].split()[1] == "2,000"


@pytest.mark.parametrize(("count", "lines"), [(0, 0), (1, 1), (3, 3)])
def test_few_pairs_have_few_steps(count, lines):
  assert len(table(pairs(count))) == 1 + lines


def test_long_texts_fit_a_terminal():
  pair = ScoredPair(1.2, "那只敏捷的棕色狐狸" * 9, "the quick brown fox " * 9, 1, 1)
  for line in table([pair] * 30):
    assert sum(map(_columns, line)) <= 80
  assert "…" in line


@pytest.mark.parametrize(
  ("text", "shown"),
  [
    ("abcd", "abcd"),
    ("abcde", "abc…"),
    ("狐狸", "狐狸"),
    ("狐狸狐", "狐…"),
    ("e\u0301e\u0301", "e\u0301e\u0301"),
    ("a\x1b[2", "a [2"),
  ],
)
def test_a_text_is_cut_by_its_columns(text, shown):
  assert cut(text, 4) == shown
