import pytest

from labse_jax.data.languages import (
  is_language,
  is_wanted,
  language_of_locale,
  reason_against,
  standard_language,
)


@pytest.mark.parametrize(
  ("locale", "language"),
  [
    ("de", "deu"),
    ("pt_BR", "por"),
    ("zh", "zho-Hans"),
    ("zh_CN", "zho-Hans"),
    ("zh_TW", "zho-Hant"),
    ("zh_Hant_HK", "zho-Hant"),
    ("sr", "srp"),
    ("sr@latin", "srp-Latn"),
    ("sr@Cyrl", "srp"),
    ("nb_NO", "nob"),
    ("es_419", "spa"),
    ("de_Informal", "deu"),
    ("ca@valencia", "cat"),
    ("pa_PK", "pan-Arab"),
    ("ckb", "ckb"),
    ("ar.UTF-8", "ara"),
    ("en_GB", "eng"),
    ("de_Latn", "deu"),  # A script that is the usual one.
    ("uz_AF", "uzb-Arab"),
    ("mn_CN", "mon-Mong"),
    ("sh_RS", "hbs"),
    ("no_NO", "nob"),
    ("iw", "heb"),
    ("zh_SG", "zho-Hans"),
    ("yue_Hant", "yue"),
    ("be@latin", "bel-Latn"),
    ("tt@iqtelif", "tat-Latn"),
    ("EN", "eng"),
    ("PT_br", "por"),
    ("zh_Tw", "zho-Hant"),
    ("fre", "fra"),  # As libraries have it.
    ("ger_AT", "deu"),
    ("web", None),  # Three letters that are no language.
    ("ber", None),
    ("qpv", None),
    ("fu", None),
    ("django", None),
    ("", None),
  ],
)
def test_locales(locale, language):
  assert language_of_locale(locale) == language


@pytest.mark.parametrize(
  ("code", "language"),
  [
    ("en", "eng"),
    ("EN-US", "eng"),
    ("pt_br", "por"),
    ("zh-hant", "zho-Hant"),
    ("zho", "zho"),
    ("kaz-Arab", "kaz-Arab"),
    ("xx", "xx"),
    ("ENG", "eng"),
    ("Eng", "eng"),
    ("eng-GB", "eng"),
    ("eng_gb", "eng"),
    ("eng-419", "eng"),
    ("eng_Latn", "eng"),
    ("fre", "fra"),
    ("FRE-ca", "fra"),
    ("chi", "zho"),
    ("zho-TW", "zho-Hant"),
    ("zh-hant-tw", "zho-Hant"),
    ("ZHO_hans", "zho-Hans"),
    ("kaz_arab", "kaz-Arab"),
    ("kaz-CN", "kaz-Arab"),
    ("srp-Latn", "srp-Latn"),
    ("BER", "ber"),
    ("ber_latn", "ber-Latn"),
    ("und", "und"),
    ("ca-valencia", "cat-valencia"),
    ("fuv2", "fuv2"),
    ("STS12", "STS12"),
    ("English", "English"),
    ("", ""),
  ],
)
def test_codes_of_any_corpus(code, language):
  assert standard_language(code) == language
  assert standard_language(language) == language


@pytest.mark.parametrize(
  "code", ["eng", "ENG", "en-GB", "fre", "ber", "qaa", "und", "en_US.UTF-8", "sr@latin", "zho-Hans"]
)
def test_languages(code):
  assert is_language(code)


@pytest.mark.parametrize(
  "code", ["fuv2", "gsw1", "racv", "xyz", "xx", "english", "", "eng-", "eng/..", "e", "eng deu"]
)
def test_what_is_no_language(code):
  assert not is_language(code)
  assert reason_against("eng", code) == f"{code!r} is no language code of ISO 639."
  assert reason_against("eng", " deu") is None


@pytest.mark.parametrize(
  ("wanted", "taken", "left"),
  [
    ("eng", ["en", "EN-us", "eng_Latn", "eng"], ["de", "enm"]),
    ("fre", ["fr", "fra", "FR-ca"], ["frr"]),
    ("en-GB", ["en_gb", "eng-GB"], ["en", "en-US"]),
    ("zho", ["zh", "zho", "zh-TW", "zho-Hans"], ["yue"]),
    ("zho-Hant", ["zh-TW", "zho_Hant", "chi-hant"], ["zh", "zho"]),
    ("sr-Cyrl", ["sr", "srp"], ["sr-Latn", "sr@latin"]),
    ("xx", ["xx", "XX-yy"], ["xy"]),
  ],
)
def test_the_languages_that_one_means(wanted, taken, left):
  assert [code for code in [*taken, *left] if is_wanted(code, wanted)] == taken
