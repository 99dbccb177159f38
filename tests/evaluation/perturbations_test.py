"""Perturbations of English sentences."""

import random
import re

import pytest

from labse_jax.evaluation import perturbations
from labse_jax.evaluation.perturbations import KINDS

SENTENCES = [
  "In 1998, Maria Lopez met 7 friends in Paris, and they were happy.",
  "Yesterday John Smith did not go to Berlin.",
  "He can't swim!",
  "Hello",
  "They won't sell two houses.",
]


def variants(kind, sentence, names=(), count=99):
  return {KINDS[kind](sentence, random.Random(seed), list(names)) for seed in range(count)}


def test_numbers_keep_their_length_and_are_others():
  found = variants("number", "From 9 to 120 of two")
  digits = [re.fullmatch(r"From (\d) to (\d{3}) of (\w+)", text).groups() for text in found]
  for small, large, word in digits:
    assert ((small != "9") + (large != "120") + (word != "two")) == 1 and large[0] != "0"
  assert {small for small, _, _ in digits} > {"0", "8"} and {word for *_, word in digits} > {"six"}
  assert variants("number", "none") == {None}


def test_names_come_from_other_sentences():
  found = variants("name", SENTENCES[1], ["Berlin", "Maria Lopez", "John Smith"])
  assert found == {
    "Yesterday Maria Lopez did not go to Berlin.",
    "Yesterday John Smith did not go to Maria Lopez.",
  }
  assert variants("name", "Yesterday it rained.", ["Paris"]) == {None}
  assert variants("name", "We saw Paris.", ["Paris"]) == {None}


def test_names_are_whole_words():
  names = perturbations.NAME.findall
  assert names("We met José Martínez and McDonald in São Paulo.") == [
    "José Martínez",
    "McDonald",
    "São Paulo",
  ]
  assert names("We saw NATO, B2B and USA's iPhone.") == []
  assert variants("name", "I met José.", ["Ann"]) == {"I met Ann."}


@pytest.mark.parametrize(
  "sentence, expected",
  [
    ("They were happy.", "They were not happy."),
    ("He did not go.", "He did go."),
    ("He can't swim!", "He can swim!"),
    ("They won\u2019t go.", "They will go."),
    ("It isn't so.", "It is so."),
    ("We cannot know.", "We can know."),
    ("Nothing here.", None),
  ],
)
def test_negations_are_removed_or_added(sentence, expected):
  assert variants("negation", sentence) == {expected}


def test_neighbouring_words_or_clauses_change_places():
  assert variants("order", "a b c.") == {"b a c.", "a c b."}
  assert variants("order", "a b, c!") == {"c, a b!", "b, a c!", "a c b,!"}
  assert variants("order", "Hello") == {None}


def test_no_perturbation_is_a_sentence_and_none_comes_twice():
  sentences = [*SENTENCES, "They were happy.", "They were not happy."]
  found = perturbations.perturbed(sentences)
  texts = [text for _, _, text in found]
  assert len(set(texts)) == len(texts) and not set(texts) & set(sentences)
  assert {kind for _, kind, _ in found} == set(KINDS)
  for row in range(len(sentences)):
    kinds = [kind for other, kind, _ in found if other == row]
    assert all(kinds.count(kind) <= perturbations.VARIANTS for kind in KINDS)
  assert not [row for row, _, _ in found if sentences[row] == "Hello"]


def test_the_seed_and_the_sentence_alone_decide():
  found = perturbations.perturbed(SENTENCES)
  assert found == perturbations.perturbed(SENTENCES)
  assert found != perturbations.perturbed(SENTENCES, seed=1)

  def numbers(found):
    return [text for row, kind, text in found if (row, kind) == (0, "number")]

  assert numbers(found) == numbers(perturbations.perturbed(SENTENCES[:1]))
