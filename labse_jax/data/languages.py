"""Locale codes, as software writes them, brought to ISO 639-3 and a script where it is unusual."""

import difflib
import functools
import re

from labse_jax.base.errors import InputError
from labse_jax.data import language_codes, language_names

# ISO 639-1 -> ISO 639-3, its macrolanguage where there is one, as the field's data sets use.
_TWO_LETTERS = """
aa aar ab abk ae ave af afr ak aka am amh an arg ar ara as asm av ava ay aym az aze ba bak be bel
bg bul bi bis bm bam bn ben bo bod br bre bs bos ca cat ce che ch cha co cos cr cre cs ces cu chu
cv chv cy cym da dan de deu dv div dz dzo ee ewe el ell en eng eo epo es spa et est eu eus fa fas
ff ful fi fin fj fij fo fao fr fra fy fry ga gle gd gla gl glg gn grn gu guj gv glv ha hau he heb
hi hin ho hmo hr hrv ht hat hu hun hy hye hz her ia ina id ind ie ile ig ibo ii iii ik ipk io ido
is isl it ita iu iku ja jpn jv jav ka kat kg kon ki kik kj kua kk kaz kl kal km khm kn kan ko kor
kr kau ks kas ku kur kv kom kw cor ky kir la lat lb ltz lg lug li lim ln lin lo lao lt lit lu lub
lv lav mg mlg mh mah mi mri mk mkd ml mal mn mon mr mar ms msa mt mlt my mya na nau nb nob nd nde
ne nep ng ndo nl nld nn nno no nob nr nbl nv nav ny nya oc oci oj oji om orm or ori os oss pa pan
pi pli pl pol ps pus pt por qu que rm roh rn run ro ron ru rus rw kin sa san sc srd sd snd se sme
sg sag sh hbs si sin sk slk sl slv sm smo sn sna so som sq sqi sr srp ss ssw st sot su sun sv swe
sw swa ta tam te tel tg tgk th tha ti tir tk tuk tl tgl tn tsn to ton tr tur ts tso tt tat tw twi
ty tah ug uig uk ukr ur urd uz uzb ve ven vi vie vo vol wa wln wo wol xh xho yi yid yo yor za zha
zh zho zu zul iw heb in ind ji yid mo ron
"""
UNKNOWN = "und"  # The code of a language that nobody named.
ISO_639_3 = dict(re.findall(r"(\w{2})\s(\w{3})", _TWO_LETTERS))
# Codes of ISO 639-2 that name a family of languages, and those reserved for private use.
_NO_LANGUAGE = re.compile(
  r"afa|alg|apa|art|ath|aus|ber|bnt|cai|cau|cel|cpe|cpf|cpp|dra|gem|inc|ine|iro|kro|map|mis|mkh"
  r"|mul|myn|nai|nic|oto|phi|roa|sai|sem|sit|sla|ssa|tai|tup|tut|und|wen|zxx|q[a-t].|chn"
)
_SCRIPT_NAMES = {
  "latin": "Latn",
  "latn": "Latn",
  "iqtelif": "Latn",
  "cyrillic": "Cyrl",
  "cyrl": "Cyrl",
  "arabic": "Arab",
  "devanagari": "Deva",
  "hans": "Hans",
  "hant": "Hant",
}
# The script that a region writes, where it is not the language's usual one.
_SCRIPT_OF_REGION = {
  ("zho", "TW"): "Hant",
  ("zho", "HK"): "Hant",
  ("zho", "MO"): "Hant",
  ("pan", "PK"): "Arab",
  ("aze", "IR"): "Arab",
  ("kaz", "CN"): "Arab",
  ("srp", "ME"): "Latn",
}
# Scripts that locales name although they are the language's usual ones.
_USUAL_SCRIPT = {
  "aze": "Latn",
  "bel": "Cyrl",
  "bos": "Latn",
  "hin": "Deva",
  "kas": "Arab",
  "kaz": "Cyrl",
  "pan": "Guru",
  "snd": "Arab",
  "srp": "Cyrl",
  "tat": "Cyrl",
  "uig": "Arab",
  "uzb": "Latn",
  "yue": "Hant",
}
_LOCALE = re.compile(
  r"([a-z]{2,3})(?:[-_]([A-Z][a-z]{3}))?(?:[-_]([A-Z]{2}|\d{3}|[A-Z][a-z]+|[a-z]{2}))?"
  r"(?:\.[\w-]+)?(?:@(\w+))?"
)


def language_of_locale(locale):
  """`zh_TW` -> "zho-Hant", `sr@latin` -> "srp-Latn", `pt_BR` -> "por"; None if it is not a locale.

  Chinese always names its script; regions and styles are dropped.
  """
  match = _LOCALE.fullmatch(locale)
  if not match:
    return None
  code, script, region, modifier = match.groups(default="")
  language = ISO_639_3.get(code, code)
  if len(language) != 3 or _NO_LANGUAGE.fullmatch(language):
    return None
  # What names the script most plainly has precedence.
  script = (
    script
    or _SCRIPT_NAMES.get(modifier.lower())
    or _SCRIPT_OF_REGION.get((language, region.upper()))
    or ("Hans" if language == "zho" else "")
  )
  if not script or script == _USUAL_SCRIPT.get(language):
    return language
  return f"{language}-{script}"


def check_code(code):
  """Returns the code if it may stand in a file's name; raises InputError if not."""
  if not re.fullmatch(r"[A-Za-z]{2,8}([-_@][A-Za-z0-9]{1,8})*", code):
    raise InputError(
      f"Language code {code[:40]!r}: letters are allowed, with parts after a hyphen, as in eng "
      "or zho-Hans; are the columns right?"
    )
  return code


@functools.cache
def standard_language(code):
  """`en`, `EN-US` -> "eng"; returns an unknown code, or one of three letters, as it is."""
  primary, mark, rest = code.replace("_", "-").partition("-")
  if len(primary) != 2:
    return code
  rest = rest.title() if len(rest) == 4 else rest
  return language_of_locale(primary.lower() + mark + rest) or code


def asked_language(text):
  """The code of a language that a person gives by code or name; raises InputError for no language.

  `English` gives "eng"; a code is returned as it was written, since some files keep it.
  """
  by_name = {}
  for code, name in language_names.NAMES.items():
    by_name.setdefault(name.lower(), code)
  if text.lower() in by_name:
    return by_name[text.lower()]
  if language_codes.is_code(standard_language(text).partition("-")[0].lower()):
    return check_code(text)
  near = difflib.get_close_matches(text.lower(), [*by_name, *language_names.NAMES], 1)
  hint = "."
  if near:
    hint = f"; did you mean {language_names.shown(by_name.get(near[0], near[0]))}?"
  raise InputError(
    f"Unknown language {text!r}{hint} A code of ISO 639 is needed, such as deu or de."
  )
