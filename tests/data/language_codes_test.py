import pytest

from labse_jax.data.language_codes import every_code, is_code
from labse_jax.data.language_names import NAMES
from labse_jax.data.languages import ISO_639_3


def test_there_are_as_many_as_the_standard_has():
  codes = every_code()
  assert 8_000 < len(codes) < 9_000
  assert all(len(code) == 3 and code.isalpha() and code.islower() for code in codes)


@pytest.mark.parametrize("code", ["deu", "kab", "ber", "kzj", "und", "qaa", "qtz"])
def test_a_code_is_known(code):
  assert is_code(code)


@pytest.mark.parametrize("code", ["xyz", "qzz", "de", "german", ""])
def test_what_is_no_code(code):
  assert not is_code(code)


def test_all_languages_of_our_tables_are_among_them():
  assert every_code() >= {*ISO_639_3.values(), *NAMES}
