"""What a text shows."""

import unicodedata

import pytest

from labse_jax.data.visible_text import folded, is_blank, stripped

BLANK = " \t\x00\x0b\x1c\x85\xa0\xad\u034f\u061c\u115f\u17b4\u180e\u200b\u200d\u200e\u200f\u2028"
BLANK += "\u202a\u2060\u2066\u2800\u3000\u3164\ufe0f\ufeff\uffa0\ufff9\U0001d173\U000e0061"


@pytest.mark.parametrize("text", ["", *BLANK, BLANK])
def test_what_shows_nothing_is_blank(text):
  assert is_blank(text) and stripped(text) == folded(text) == ""


@pytest.mark.parametrize("text", ["a", "1", "!", "年", "\u0301", "\u0600", "\ue000", "\U0001f600"])
def test_what_shows_something_is_not(text):
  assert not is_blank(text) and not is_blank(f"{BLANK}{text}{BLANK}")


def test_no_letter_digit_or_sign_is_blank_but_fillers():
  """Against Python's own categories, over the planes that hold them but for rare Chinese signs."""
  wrong = set()
  for character in map(chr, range(0x20000)):
    if is_blank(character) and unicodedata.category(character)[0] in "LNPS":
      wrong.add(character)
  assert wrong == set("\u115f\u1160\u2800\u3164\uffa0")


@pytest.mark.parametrize("mark", "\x00\xad\u200b\u200e\u200f\u2060\u2800\u3164\ufeff\uffa0")
def test_ends_are_stripped_and_the_inside_stays(mark):
  assert stripped(f" {mark}Good{mark} day{mark} \n") == f"Good{mark} day"
  assert folded(f"{mark} Good \t {mark}day{mark} {mark}") == f"Good {mark}day"


@pytest.mark.parametrize(
  "text",
  [
    "\u2764\ufe0f",  # A red heart; without its selector it is black.
    "\u0d28\u0d4d\u200d",  # A letter of Malayalam that ends many words.
    "\U0001f3f4\U000e0067\U000e0062\U000e007f",  # A flag.
    "\u2067\u05d0\u2069",  # An isolate and its end.
  ],
)
def test_marks_that_belong_to_a_neighbour_stay(text):
  assert stripped(text) == folded(text) == text
