"""Vectors to compare with: how they are read, and what is said of those that differ."""

import json

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.surgery.vector_check import compare, read_vectors


class Encoder:
  """Gives each text the vector that a dictionary has for it, as SentenceEncoder would."""

  def __init__(self, vectors):
    self.vectors, self.dimension = vectors, len(next(iter(vectors.values())))

  def encode(self, texts, *, normalize_embeddings):
    assert normalize_embeddings
    return np.array([self.vectors[text] for text in texts], np.float32)


def write(path, *items):
  path.write_text(
    "".join(f"{item if isinstance(item, str) else json.dumps(item)}\n" for item in items)
  )
  return path


def test_vectors_are_read_in_order_at_length_one(tmp_path):
  items = {"text": "b", "vector": [3, 4]}, {"text": "a", "vector": [0, -2]}
  texts, expected_ND = read_vectors(write(tmp_path / "v.jsonl", *items))
  assert texts == ["b", "a"]
  np.testing.assert_allclose(expected_ND, [[0.6, 0.8], [0, -1]], atol=1e-15)


@pytest.mark.parametrize(
  ("line", "number"),
  [
    ("not JSON", 2),
    ('{"text": "a"}', 2),
    ('{"text": "a", "vector": ["x", 1]}', 2),
    ("[1, 2]", 2),
    ('{"text": "a", "vector": [[1, 2]]}', 2),
    ('{"text": "a", "vector": [1, 2, 3]}', 2),
    ('{"text": 7, "vector": [1, 2]}', 2),
    ('{"text": "a", "vector": [0, 0]}', 2),
    ('{"text": "a", "vector": [NaN, 1]}', 2),
    ('{"text": "a", "vector": [1, [2]]}', 2),
    ('{"text": "a", "vector": 1}', 2),
    ('{"text": "a", "vector": []}', 2),
    (f'{{"text": "a", "vector": [1{"0" * 400}, 1]}}', 2),
  ],
)
def test_a_bad_line_is_named(tmp_path, line, number):
  path = write(tmp_path / "v.jsonl", {"text": "fine", "vector": [1, 2]}, line)
  with pytest.raises(InputError, match=rf"v\.jsonl:{number}: "):
    read_vectors(path)


def test_an_empty_file_is_refused(tmp_path):
  with pytest.raises(InputError, match="is empty"):
    read_vectors(write(tmp_path / "v.jsonl"))


def test_near_vectors_are_reported():
  encoder = Encoder({"a": [1, 0], "b": [0.6, 0.8]})
  expected_ND = np.array([[1, 0], [0.60005, 0.79996]])
  assert compare(encoder, ["a", "b"], expected_ND) == (
    "2 texts, largest difference 5.0e-05, smallest cosine 0.9999980"
  )


@pytest.mark.parametrize("vector", [[0.6002, 0.7998], [np.nan, 1], [-0.6, -0.8]])
def test_other_vectors_are_refused(vector):
  with pytest.raises(InputError, match="2 texts, largest difference .*; 1e-04 is allowed"):
    compare(Encoder({"a": [1, 0], "b": vector}), ["a", "b"], np.array([[1, 0], [0.6, 0.8]]))


def test_another_width_is_refused():
  with pytest.raises(InputError, match="have 3 numbers, the model's 2"):
    compare(Encoder({"a": [1, 0]}), ["a"], np.array([[1, 0, 0]]))
