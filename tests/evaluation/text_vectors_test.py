"""Texts that are encoded once."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluation import text_vectors


def numbers(texts):
  return np.array([[float(text)] for text in texts])


def test_texts_come_once_in_their_first_order():
  pairs = {"fra": (["b", "a"], ["c", "b"]), "deu": (["a"], ["d"])}
  columns = text_vectors.columns_of(pairs)
  assert columns == [["b", "a"], ["c", "b"], ["a"], ["d"]]
  assert text_vectors.distinct(columns) == ["b", "a", "c", "d"]


def test_each_text_is_encoded_once_and_looked_up():
  asked = []

  def encode(texts):
    asked.extend(texts)
    return numbers(texts)

  vectors_of = text_vectors.vectors_by_text(["1", "2", "1", "4"], encode)
  np.testing.assert_array_equal(vectors_of(["4", "1", "4"]), [[4], [1], [4]])
  assert asked == ["1", "2", "4"]


def test_a_vector_that_is_not_finite_is_named():
  with pytest.raises(InputError, match="vector of 'nan' is not finite"):
    text_vectors.vectors_by_text(["1", "nan"], numbers)
