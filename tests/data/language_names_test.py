import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.language_codes import is_code
from labse_jax.data.language_names import _MEANT, _codes_of_names, known_language, named, names
from labse_jax.data.languages import ISO_639_3


@pytest.mark.parametrize(
  ("code", "shown"),
  [
    ("deu", "German (deu)"),
    ("de", "German (de)"),
    ("zho-Hans", "Chinese (zho-Hans)"),
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
  ("given", "code"),
  [
    ("en", "eng"),
    ("eng", "eng"),
    ("EN-US", "eng"),
    ("zh", "zho-Hans"),
    ("zho-Hant", "zho-Hant"),
    ("deu_Latn", "deu_Latn"),
    ("xyy", "xyy"),  # Of no benchmark, and yet a language: Yorta Yorta.
    ("ber", "ber"),
    ("qab", "qab"),
    ("und", "und"),
  ],
)
def test_codes_are_known(given, code):
  assert known_language("--source-language", given) == code


@pytest.mark.parametrize(
  ("given", "meant"),
  [
    ("english", "eng (English)"),
    ("German", "deu (German)"),
    ("portugese", "por (Portuguese)"),
    ("mandarin", "cmn (Mandarin Chinese)"),
    ("farsi", "fas (Persian)"),
    ("swahili", "swa (Swahili)"),  # Not swh, whose name is the same.
    ("ger", "deu (German)"),
    ("jp", "jpn (Japanese)"),
    ("egn", "eng (English)"),
    ("ENG", "eng (English)"),
  ],
)
def test_what_was_meant_is_said(given, meant):
  with pytest.raises(InputError) as error:
    known_language("--pivot", given)
  assert str(error.value).startswith(f"--pivot {given}: is no language code. Did you mean {meant}?")


@pytest.mark.parametrize("given", ["xyz", "xx", "", "12", "qqqqqqqq"])
def test_what_is_like_nothing_is_refused(given):
  with pytest.raises(InputError, match="is no language code. Codes are those of ISO 639-3, such"):
    known_language("--source-language", given)


def test_the_tables_agree():
  assert len(names()) == 478 and all(map(is_code, names()))
  assert all(name == name.strip() and name[0].isupper() for name in names().values())
  assert set(ISO_639_3.values()) <= set(names())
  assert set(_MEANT.values()) | set(_codes_of_names().values()) <= set(names())
  assert not set(_MEANT) & set(ISO_639_3) and not any(map(is_code, _MEANT))
