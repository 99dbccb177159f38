import pytest

from labse_jax.data.language_codes import every_code, is_code


@pytest.mark.parametrize("code", ["aaa", "zzj", "deu", "xyy", "ber", "kzj", "und", "qaa", "qtz"])
def test_codes_of_the_standard(code):
  assert is_code(code)


@pytest.mark.parametrize("code", ["xyz", "zzz", "ger", "qzz", "en", "eng1", "DEU", "", "de"])
def test_what_is_no_code(code):
  assert not is_code(code)


def test_the_table_is_whole():
  """7,927 of July 2026, 388 that were given up, and 66 families of ISO 639-2."""
  assert len(every_code()) == 8381
  assert all(len(code) == 3 and code.isascii() and code.islower() for code in every_code())
