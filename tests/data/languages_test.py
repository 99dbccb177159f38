import pytest

from labse_jax.data.languages import language_of_locale, standard_language


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
  ],
)
def test_codes_of_any_corpus(code, language):
  assert standard_language(code) == language
