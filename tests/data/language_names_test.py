import pytest

from labse_jax.data.language_names import NAMES, shown
from labse_jax.data.languages import ISO_639_3


@pytest.mark.parametrize(
  "code, text",
  [("deu", "German (deu)"), ("zho-Hant", "Chinese (zho-Hant)"), ("qaa", "qaa"), ("xyz", "xyz")],
)
def test_a_code_is_shown_with_its_name(code, text):
  assert shown(code) == text


def test_each_language_with_a_code_of_two_letters_has_a_name():
  assert NAMES.keys() >= set(ISO_639_3.values())
