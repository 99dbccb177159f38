"""Documents and the texts that alignment compares."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.mining import documents
from labse_jax.mining.alignment import Link, align
from labse_jax.mining.documents import Document
from labse_jax.mining.pair_files import ScoredPair
from labse_jax.neighbours.unit_vectors import unit

SIDES = (Document(["a", "b", "c"], [0, 2, 3], 4), Document(["A", "B"], [1, 5], 6))
LINKS = [Link((0, 1), (1,), 0.5), Link((2,), (), None), Link((), (0,), None)]


def test_a_document_keeps_the_places_of_its_sentences(tmp_path):
  path = tmp_path / "a"
  path.write_text("x\n\u200b\n\u200eyy\tz  w\n \nx\u2060\n\u3164\n", "utf-8")
  assert documents.read_document(path) == (["x", "yy z w", "x"], [0, 2, 4], 6)


@pytest.mark.parametrize("text", ["", "\n \n", "\u200b\n\u3164\n"])
def test_a_document_without_a_sentence_is_refused(tmp_path, text):
  (tmp_path / "a").write_text(text, "utf-8")
  with pytest.raises(InputError, match="a: has no sentence; there is nothing to align"):
    documents.read_document(tmp_path / "a")


def test_texts_are_joined_with_those_before_them():
  chosen_KN = np.ones((3, 3), bool)
  chosen_KN[1, 0] = False
  texts = ["a", "b", "c", "a b", "b c", "a", "a b", "a b c"]
  assert documents.joined(["a", "b", "c"], chosen_KN) == texts


@pytest.fixture
def letters():
  """encode(texts): a text is the mean of its letters' vectors, and a little of its own."""
  calls = []

  def encode(texts):
    calls.append(texts)
    rows = []
    for text in texts:
      own = np.random.default_rng(len(text)).normal(size=26) / 100
      counts = [text.lower().count(chr(97 + n)) for n in range(26)]
      rows.append(unit((own + counts)[None])[0])
    return np.array(rows, np.float32)

  return encode, calls


def test_only_joined_texts_near_the_best_alignment_are_encoded_and_each_once(letters, capsys):
  encode, calls = letters
  # The target has "b" and "c" in one line, and says "x" again, which was encoded.
  source = Document(["a", "b", "c", "d", "x", "f", "x"], [*range(7)], 7)
  target = Document(["A", "b c", "D", "X", "F", "x"], [*range(6)], 6)
  texts = documents.embed((source, target), encode, largest=4)
  assert len(calls) == 2 and len({*calls[0], *calls[1]}) == len(calls[0]) + len(calls[1])
  assert calls[0] == ["a", "b", "c", "d", "x", "f", "A", "b c", "D", "X", "F"]
  assert "b c" not in calls[1] and len(calls[1]) < 10
  assert "labse-jax: sentences to encode: 11." in capsys.readouterr().err
  links = [link[:2] for link in align(*texts, largest=4)]
  assert links == [((0,), (0,)), ((1, 2), (1,)), *(((i,), (i - 1,)) for i in range(3, 7))]
  for text, document in zip(texts, (source, target), strict=True):
    np.testing.assert_allclose(text.vectors_KND[0], encode(document.sentences))
    assert text.usable_KN[0].all() and not text.usable_KN.all()
    used = documents.joined(document.sentences, text.usable_KN)
    np.testing.assert_array_equal(text.vectors_KND[text.usable_KN], encode(used))


@pytest.mark.parametrize("wide", [0.7, -1])
def test_a_sentence_is_alone_only_after_its_joined_texts_were_encoded(letters, monkeypatch, wide):
  monkeypatch.setattr(documents, "SLACK", -1)  # At first no joined text is encoded.
  monkeypatch.setattr(documents, "SLACK_ALONE", wide)
  encode, calls = letters
  source = Document(["a", "b", "c", "d", "x", "f"], [*range(6)], 6)
  target = Document(["A", "bbbccc", "D", "X", "F"], [*range(5)], 5)
  texts = documents.embed((source, target), encode, largest=4)
  links = [link[:2] for link in align(*texts, largest=4)]
  assert (((1, 2), (1,)) in links) == (wide > 0)
  assert ("b c" in sum(calls, [])) == (wide > 0) and "a b c" not in sum(calls, [])


def test_doubtful_sentences():
  links = [
    Link((0,), (0,), 0.5),
    Link((1, 2), (1, 2), 0.4),
    Link((3,), (), None),
    Link((4, 5), (3,), 0.9),
  ]
  assert documents._alone(links, 0) == [3] and documents._alone(links, 1) == []
  assert documents._among_several(links, 0) == documents._among_several(links, 1) == [1, 2]
  held = [[False, True, False, False], [False, True, True, False], [False, True, True, True]]
  assert documents._with_any_of([1], (3, 4)).tolist() == held


def test_a_pair_has_the_texts_and_places_of_its_sentences():
  assert documents.pair_of(LINKS[0], SIDES) == ScoredPair(0.5, "a b", "B", (0, 2), (5,))
  assert documents.places_of(LINKS[1], SIDES) == ((3,), ())


@pytest.mark.parametrize("side, expected", [(0, (1, 3)), (1, (1, 2))])
def test_sentences_without_a_partner_are_counted(side, expected):
  assert documents.count_alone(LINKS, side) == expected
