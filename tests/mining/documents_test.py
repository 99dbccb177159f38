"""Documents and the texts that alignment compares."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.mining import documents
from labse_jax.mining.alignment import Link
from labse_jax.mining.documents import Document
from labse_jax.mining.pair_files import ScoredPair

SIDES = (Document(["a", "b", "c"], [0, 2, 3], 4), Document(["A", "B"], [1, 5], 6))
LINKS = [Link((0, 1), (1,), 0.5), Link((2,), (), None), Link((), (0,), None)]


def test_a_document_keeps_the_places_of_its_sentences(tmp_path):
  path = tmp_path / "a"
  path.write_text("x\n\nyy\tz  w\n \nx\n\n", "utf-8")
  assert documents.read_document(path) == (["x", "yy z w", "x"], [0, 2, 4], 6)


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_document_without_a_sentence_is_refused(tmp_path, text):
  (tmp_path / "a").write_text(text)
  with pytest.raises(InputError, match="a: has no sentence; there is nothing to align"):
    documents.read_document(tmp_path / "a")


def test_texts_are_joined_with_those_before_them():
  assert documents.joined(["a", "b", "c"], 3) == [
    ["a", "b", "c"],
    ["a", "a b", "b c"],
    ["a", "a b", "a b c"],
  ]


def test_each_text_is_encoded_once():
  encoded = []

  def encode(texts):
    encoded.extend(texts)
    return np.array([[len(text), 1.0] for text in texts])

  document = Document(["x", "yy z", "x"], [0, 2, 3], 4)
  x_KND, y_KND = documents.embed((document, document), encode, sizes=2)
  assert sorted(encoded) == ["x", "x yy z", "yy z", "yy z x"]
  assert x_KND[:, :, 0].tolist() == [[1, 4, 1], [1, 6, 6]] and np.array_equal(x_KND, y_KND)


def test_a_pair_has_the_texts_and_places_of_its_sentences():
  assert documents.pair_of(LINKS[0], SIDES) == ScoredPair(0.5, "a b", "B", (0, 2), (5,))
  assert documents.places_of(LINKS[1], SIDES) == ((3,), ())


@pytest.mark.parametrize("side, expected", [(0, (1, 3)), (1, (1, 2))])
def test_sentences_without_a_partner_are_counted(side, expected):
  assert documents.count_alone(LINKS, side) == expected
