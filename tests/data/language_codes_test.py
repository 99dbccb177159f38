import pytest

from labse_jax.data.language_codes import is_code, languages, library_codes, three_letters


@pytest.mark.parametrize("code", ["aaa", "zzj", "deu", "xyy", "ber", "kzj", "und", "qaa", "qtz"])
def test_codes_of_the_standard(code):
  assert is_code(code)


@pytest.mark.parametrize("code", ["xyz", "zzz", "ger", "qzz", "en", "eng1", "DEU", "", "de"])
def test_what_is_no_code(code):
  assert not is_code(code)


def test_the_standard_is_whole():
  """7,927 codes of July 2026 and 388 that were given up; a newer table may have more."""
  codes = languages().keys()
  assert len(codes) >= 8315
  assert all(len(code) == 3 and code.isascii() and code.islower() for code in codes)


def test_codes_of_two_letters():
  codes = three_letters()
  assert len(codes) >= 188
  assert all(len(two) == 2 and is_code(three) for two, three in codes.items())
  assert len(set(codes.values())) == len(codes) - 5  # iw, in, ji, mo and no are twins.
  # The macrolanguage, but for Norwegian, and a code that the standard itself gave up.
  wanted = {"de": "deu", "zh": "zho", "sw": "swa", "no": "nob", "sh": "hbs", "iw": "heb"}
  assert wanted.items() <= codes.items()


def test_codes_of_libraries():
  assert len(library_codes()) >= 20
  assert {"ger": "deu", "chi": "zho", "fre": "fra"}.items() <= library_codes().items()
  assert not any(map(is_code, library_codes()))
