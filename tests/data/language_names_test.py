import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.language_codes import is_code, library_codes, three_letters
from labse_jax.data.language_names import (
  _COUNTRIES,
  _codes_of_names,
  asked_language,
  language_in,
  named,
  names,
)


@pytest.mark.parametrize(
  ("code", "shown"),
  [
    ("deu", "German (deu)"),
    ("de", "German (de)"),
    ("zho-Hans", "Chinese (zho-Hans)"),
    ("ton", "Tonga (ton)"),  # Tonga (Tonga Islands) in the standard.
    ("ell", "Greek (ell)"),  # Modern Greek (1453-).
    ("ber", "Berber languages (ber)"),
    ("deu_Latn", "German (deu_Latn)"),
    ("eng-US", "English (eng-US)"),
    ("es-419", "Spanish (es-419)"),
    ("aaa", "aaa"),
    ("xyz", "xyz"),
    ("average", "average"),
    ("MR", "MR"),
    ("STS12", "STS12"),
    ("group 14 (3)", "group 14 (3)"),
  ],
)
def test_a_name_stands_beside_its_code(code, shown):
  assert named(code) == shown


@pytest.mark.parametrize(
  ("asked", "code"),
  [
    ("deu", "deu"),
    ("de", "de"),  # As it was written: some files keep it.
    ("en-US", "en-US"),
    ("DEU", "DEU"),
    ("deu_Latn", "deu_Latn"),
    ("zho-Hant", "zho-Hant"),
    ("xyy", "xyy"),  # Of no benchmark, and yet a language: Yorta Yorta.
    ("ber", "ber"),
    ("qab", "qab"),
    ("und", "und"),
    ("German", "deu"),
    ("german", "deu"),
    ("farsi", "fas"),
    ("Swahili", "swa"),  # Not swh, whose name is the same.
  ],
)
def test_a_language_is_asked_for_by_code_or_name(asked, code):
  assert asked_language(asked) == code


@pytest.mark.parametrize(
  ("asked", "meant"),
  [
    ("englisch", "English (eng)"),
    ("Germann", "German (deu)"),
    ("portugese", "Portuguese (por)"),
    ("ger", "German (deu)"),
    ("jp", "Japanese (jpn)"),
    ("egn", "English (eng)"),
  ],
)
def test_what_was_meant_is_said(asked, meant):
  with pytest.raises(InputError) as error:
    asked_language(asked)
  assert str(error.value).startswith(f"Unknown language {asked!r}; did you mean {meant}?")


@pytest.mark.parametrize("asked", ["xyz", "xx", "", "12", "qqqqqqqq", "../eng"])
def test_what_is_like_nothing_is_refused(asked):
  with pytest.raises(InputError, match="Unknown language '.*'. A code of ISO 639 is needed, such"):
    asked_language(asked)


@pytest.mark.parametrize(
  ("asked", "code"),
  [("de", "de"), ("deu", "de"), ("German", "de"), ("zh", "zho-Hans"), ("MR", "MR")],
)
def test_a_language_is_found_among_some_however_it_is_written(asked, code):
  assert language_in(["de", "fra", "zho-Hans", "MR"], asked, place="data") == code


def test_a_language_that_is_not_among_them_is_refused_with_the_nearest():
  with pytest.raises(InputError) as error:
    language_in(["de", "fra"], "Germn", place="data", groups=["14"])
  assert str(error.value) == (
    "data: holds no language 'Germn'; did you mean German (de)? Choose from de, fra or the groups"
    " 14."
  )


def test_the_tables_agree():
  assert len(names()) == 478 and all(map(is_code, names()))
  assert all(name == name.strip() and name[0].isupper() for name in names().values())
  assert set(three_letters().values()) <= set(names())
  meant = library_codes() | _COUNTRIES
  assert set(meant.values()) | set(_codes_of_names().values()) <= set(names())
  assert not set(meant) & set(three_letters()) and not any(map(is_code, meant))
