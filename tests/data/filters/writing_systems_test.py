"""Scripts of letters, and lines that are in another."""

import numpy as np
import pytest

from labse_jax.data.filters import writing_systems

ALONE = [
  "Das ist gut.",
  "Это хорошо.",
  "这很好。",
  "それはいい。",
  "좋아요.",
  "यह अच्छा है।",
  "هذا جيد.",
]


@pytest.mark.parametrize(
  "text, counts",
  [
    ("Das Wort „дом“, 1. Mai!", {"Latin": 10, "Cyrillic": 3}),
    ("ＡＢＣとｶﾞ", {"Latin": 3, "Hiragana": 1, "Katakana": 1}),  # Of other widths.
    ("漢字かな", {"Han": 2, "Hiragana": 2}),
    ("人々はコーヒー", {"Han": 2, "Hiragana": 1, "Katakana": 2}),  # ー is of two scripts.
    ("ʻokina", {"Latin": 5}),  # ʻ is of many.
    ("12:30 -- ♥ 👍", {}),
  ],
)
def test_letters_are_counted_by_script(text, counts):
  assert dict(writing_systems.letters(text)) == counts


@pytest.mark.parametrize("place", range(len(ALONE)))
def test_lines_in_another_script_than_most_are_foreign(place):
  lines = [*ALONE, *[ALONE[place]] * 9, "123", "..."]
  same = {2, 3} if place in (2, 3) else {place}  # Japanese shares a script with Chinese.
  wanted = [n not in same for n in range(len(ALONE))] + [False] * 11
  np.testing.assert_array_equal(writing_systems.foreign(lines), wanted)


def test_a_quarter_of_the_letters_is_enough():
  chinese = ["这很好。"] * 3
  lines = ["我爱 Python", "我 GPUs", "我 Linux"]  # 2 of 8, 1 of 5, 1 of 6 letters.
  assert writing_systems.foreign([*chinese, *lines])[3:].tolist() == [False, True, True]


def test_most_lines_decide_not_most_letters():
  lines = ["да", "нет", "a line that is much longer than both others"]
  assert writing_systems.main_script(lines) == "Cyrillic"
  assert (
    writing_systems.main_script(["1", "?"]) == "" and not writing_systems.foreign(["1", "?"]).any()
  )


def test_a_long_text_is_sampled_all_over(monkeypatch):
  monkeypatch.setattr(writing_systems, "SAMPLE", 10)
  lines = ["A heading"] * 40 + ["Это хорошо."] * 60
  assert writing_systems.foreign(lines).tolist() == [True] * 40 + [False] * 60
