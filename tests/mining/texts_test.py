"""Lines to be mined."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.mining.texts import copied, read_gold, read_text


@pytest.fixture
def text(tmp_path):
  """text("a\\nb") -> its path; text("...", blanks=True) -> its Text."""

  def write(content, **options):
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.txt"
    path.write_bytes(content.encode())
    return read_text(path, **options) if options else path

  return write


def test_equal_lines_are_one_row_at_the_first_of_their_numbers(text):
  found = text("one\r\n\n two \none\n\t\nthree", blanks=False)
  assert (found.lines, found.numbers) == (["one", "two", "three"], [1, 3, 6])
  np.testing.assert_array_equal(found.row_N, [0, 1, 0, 2])


def test_blank_lines_stay_where_lines_are_counted(text):
  found = text("one\n\n two \n\n", blanks=True)
  assert (found.lines, found.numbers) == (["one", "", "two"], [1, 2, 3])
  np.testing.assert_array_equal(found.row_N, [0, 1, 2, 1])


def test_invisible_characters_make_no_line_and_no_other_line(text):
  content = "Good day\n\u200b\n\u200eGood day\u2060\n\u3164\n"
  found = text(content, blanks=False)
  assert (found.lines, found.numbers, found.row_N.tolist()) == (["Good day"], [1], [0, 0])
  assert text(content, blanks=True).row_N.tolist() == [0, 1, 0, 1]
  x, y = found, text("Guten Tag", blanks=False)
  assert read_gold(text("\ufeffGood day\tGuten Tag\u200b\n"), x, y).tolist() == [[0], [0]]


def test_no_line_is_refused(text):
  path = text(" \n\u200b\n")
  with pytest.raises(InputError, match="0.txt: is empty; one sentence a line is needed."):
    read_text(path)


def test_gold_pairs_are_rows_once_each(text):
  x, y = text("eins\nzwei\neins", blanks=False), text("two\none", blanks=False)
  gold = text("eins\tone\n zwei \ttwo\neins\tone\n")
  np.testing.assert_array_equal(read_gold(gold, x, y), [[0, 1], [1, 0]])
  with pytest.raises(InputError, match="txt: is empty; source, tab, target is needed"):
    read_gold(text(""), x, y)


def test_near_copies_are_told():
  lines = ["Hello.", "hello", "Hello there", "...", "\uff28ello !", "?", "Bye"]
  assert copied(lines).tolist() == [True, True, False, False, True, False, False]


@pytest.mark.parametrize(
  "line, message",
  [
    ("eins", "columns: 1; source, tab, target is needed."),
    ("1.1\teins\tone", "columns: 3"),
    ("", "columns: 1"),
    ("one\teins", "'one' is not a line of --source."),
    ("eins\tzwei", "'zwei' is not a line of --target."),
  ],
)
def test_a_broken_gold_line_is_named(text, line, message):
  x, y = text("eins\nzwei", blanks=False), text("two\none", blanks=False)
  gold = text(f"eins\tone\n{line}\n")
  with pytest.raises(InputError) as error:
    read_gold(gold, x, y)
  assert str(error.value).startswith(f"{gold}:2: ") and message in str(error.value)
