"""What is no text is refused, and ids are padded."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.encoding.texts import listed, padded


def test_a_string_is_one_text():
  assert listed("encode", "ab") == ["ab"]
  assert listed("encode", iter(["ab", "é😀"])) == ["ab", "é😀"]


@pytest.mark.parametrize(
  ("given", "message"),
  [
    (None, "encode takes a string or a list of strings; got NoneType"),
    ([3], "encode takes strings; got int"),
    (["fine", "caf\ud800"], r"encode: 'caf\\ud800' is not Unicode text\.$"),
    ("x" * 999 + "\udcff" + "y" * 999, rf"'{'x' * 20}\\udcff{'y' * 20}' is not Unicode"),
  ],
)
def test_what_is_no_text_is_refused(given, message):
  with pytest.raises(InputError, match=message):
    listed("encode", given)


def test_ids_are_padded():
  got = padded([np.array([4, 5]), np.array([6])], 9)
  assert got["input_ids"].tolist() == [[4, 5], [6, 9]]
  assert got["attention_mask"].tolist() == [[1, 1], [1, 0]]
  assert padded([], 0)["input_ids"].shape == (0, 0)
