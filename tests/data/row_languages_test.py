import pytest

from labse_jax.data.row_languages import watched
from labse_jax.data.sources import Pair


def told(*languages, given=(None, None)):
  """What is told of rows in these pairs of languages; all rows must come through."""
  rows = [Pair(*two, "origin", "a", "b") for two in languages]
  messages = []
  assert list(watched(rows, given, messages.append)) == rows
  return messages


@pytest.mark.parametrize("languages", [("eng", "deu"), ("en", "zho-Hans"), ("eng_Latn", "ber")])
def test_known_languages_need_no_word(languages):
  assert told(languages, languages) == []


def test_a_document_has_no_second_language():
  assert told(("eng", "")) == []


@pytest.mark.parametrize(
  ("languages", "flags"),
  [
    (("und", "und"), "give --source-language and --target-language, as codes"),
    (("und", "deu"), "give --source-language, as codes"),
    (("eng", "und"), "give --target-language, as codes"),
  ],
)
def test_a_language_that_was_not_told_is_said_once(languages, flags):
  (message,) = told(languages, ("eng", "fra"), languages, ("und", "fra"))
  assert flags in message


def test_a_language_given_as_unknown_is_meant():
  assert told(("und", "deu"), given=("und", "deu")) == []


def test_it_is_said_at_the_first_row():
  messages = []
  next(watched(iter([Pair("und", "und", "", "a", "b")]), (None, None), messages.append))
  assert len(messages) == 1
