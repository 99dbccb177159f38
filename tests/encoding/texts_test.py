"""What is no text is refused, and ids are padded."""

import collections

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.encoding.texts import listed, padded


def test_a_string_is_one_text():
  assert listed("encode", "ab") == ["ab"]
  assert listed("encode", np.str_("ab")) == ["ab"]


@pytest.mark.parametrize(
  "given",
  [
    iter(["ab", "é😀"]),
    ("ab", "é😀"),
    {"ab": 0, "é😀": 1}.keys(),
    np.array(["ab", "é😀"]),
    np.array(["ab", "é😀"], object),
  ],
)
def test_what_has_texts_in_an_order_is_a_list(given):
  assert listed("encode", given) == ["ab", "é😀"]


class Table:
  """A table as pandas has it: to walk through it gives the names of its columns."""

  ndim = 2

  def __iter__(self):
    return iter(["text"])


@pytest.mark.parametrize(
  ("given", "kind"),
  [
    (None, "NoneType"),
    (5, "int"),
    (b"text", "bytes"),
    (bytearray(b"text"), "bytearray"),
    ({"text": ["one"]}, "dict"),
    (collections.Counter(["one"]), "Counter"),
    ({"one", "two"}, "set"),
    (frozenset(["one"]), "frozenset"),
    (Table(), "2-dimensional Table"),
    (np.array("one", object), "0-dimensional ndarray"),
    (np.array([["one"], ["two"]]), "2-dimensional ndarray"),
  ],
)
def test_what_is_no_list_of_texts_is_refused(given, kind):
  message = rf"^encode takes a string or a list of strings; got {kind}\.$"
  with pytest.raises(InputError, match=message):
    listed("encode", given)


@pytest.mark.parametrize(
  ("given", "message"),
  [
    ([3], r"encode takes strings; got int as element 0 \(from 0\) of the list\."),
    (
      ["fine", ["pair", "of"]],
      r"encode takes strings; got list as element 1 \(from 0\) of the list\.",
    ),
    (
      np.array(["a", None], object),
      r"encode takes strings; got NoneType as element 1 .* of the ndarray",
    ),
    (np.array([b"a"]), r"encode takes strings; got bytes_ as element 0 "),
    (
      ["fine", "caf\ud800"],
      r"encode: element 1 \(from 0\) of the list: 'caf\\ud800' is not Unicode text\.$",
    ),
    (
      "x" * 999 + "\udcff" + "y" * 999,
      rf"encode: '{'x' * 20}\\udcff{'y' * 20}' is not Unicode",
    ),
  ],
)
def test_an_element_that_is_no_text_is_named(given, message):
  with pytest.raises(InputError, match=message):
    listed("encode", given)


def test_ids_are_padded():
  got = padded([np.array([4, 5]), np.array([6])], 9)
  assert got["input_ids"].tolist() == [[4, 5], [6, 9]]
  assert got["attention_mask"].tolist() == [[1, 1], [1, 0]]
  assert padded([], 0)["input_ids"].shape == (0, 0)
