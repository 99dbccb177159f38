"""Locale codes, as software writes them, brought to ISO 639-3 and a script where it is unusual."""

import functools
import re

from labse_jax.base.errors import InputError
from labse_jax.data.language_codes import in_three_letters, is_code

UNKNOWN = "und"  # The code of a language that nobody named.
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
_LOCALE = re.compile(
  r"((?i:[a-z]{2,3}))(?:[-_]([A-Z][a-z]{3}))?(?:[-_]((?i:[a-z]{2})|\d{3}|[A-Z][a-z]+))?"
  r"(?:\.[\w-]+)?(?:@(\w+))?"
)
_CODE = re.compile(r"[A-Za-z]{2,8}([-_@][A-Za-z0-9]{1,8})*")
_MOST_CODES = 1 << 12  # That are remembered: in a wrong column each row may have another.


def language_of_locale(locale: str) -> str | None:
  """`zh_TW` -> "zho-Hant", `sr@latin` -> "srp-Latn", `pt_BR` -> "por"; None if it is not a locale.

  Chinese always names its script; regions and styles are dropped.
  """
  match = _LOCALE.fullmatch(locale)
  if not match:
    return None
  code, script, region, modifier = match.groups(default="")
  code = code.lower()
  language = in_three_letters(code)
  if not is_code(language) or _NO_LANGUAGE.fullmatch(language):
    return None
  # What names the script most plainly has precedence.
  script = script or _SCRIPT_NAMES.get(modifier.lower()) or _usual_script(code, region)
  if script == _usual_script(code) and language != "zho":
    return language
  return f"{language}-{script}"


def _usual_script(code: str, region: str = "") -> str:
  """The script in which most people of the region write the language, as CLDR has it.

  It is Latin for a language that CLDR does not know.
  """
  import langcodes  # It takes 0.02 s, for which `--help` need not wait.

  is_region = len(region) == 2 or region.isdigit()  # Not a style, as in de_Informal.
  tag = f"{code}-{region}" if is_region else code
  return langcodes.Language.get(tag).maximize().script or ""


def check_code(code: str) -> str:
  """Returns the code if it may stand in a file's name; raises InputError if not."""
  if not _CODE.fullmatch(code):
    raise InputError(
      f"Language code {code[:40]!r}: letters are allowed, with parts after a hyphen, as in eng "
      "or zho-Hans; are the columns right?"
    )
  return code


@functools.lru_cache(_MOST_CODES)
def standard_language(code: str) -> str:
  """`en`, `EN-US`, `ENG` -> "eng", `fre` -> "fra"; returns a code that is none as it is.

  Three letters alone say nothing of a script: `zh` is "zho-Hans", but `zho` is "zho".
  """
  primary, rest = _parted(code)
  language = in_three_letters(primary)
  if not is_code(language):
    return code
  if not rest and len(primary) == 3:
    return language
  # What is no locale, as a dialect, keeps its parts.
  return language_of_locale(primary + rest) or language + rest


def _parted(code):
  """`ZHO_hant` -> ("zho", "-Hant"): a language, and what follows it, both spelled as usual."""
  match = re.fullmatch("([A-Za-z]+)([-_.@].*)?", code, re.DOTALL)
  if not match:
    return code, ""
  primary, rest = match.groups(default="")
  parts = re.split("[-_]", rest)
  return primary.lower(), "-".join(part.title() if len(part) == 4 else part for part in parts)


def is_language(code: str) -> bool:
  """Whether a code names a language of ISO 639, however it is written."""
  primary, _ = _parted(code)
  is_well_formed = _CODE.fullmatch(standard_language(code)) is not None
  return is_well_formed and is_code(in_three_letters(primary))


@functools.lru_cache(_MOST_CODES)
def reason_against(*codes: str) -> str | None:
  """Why a row with these codes is bad: the first that names no language; None if all name one."""
  for code in codes:
    if not is_language(code.strip()):
      return f"{code[:40]!r} is no language code of ISO 639."
  return None


@functools.lru_cache(_MOST_CODES)
def is_wanted(code: str, wanted: str) -> bool:
  """Whether a person who wants a language takes this one: `eng` takes en-US, `en-GB` does not.

  Scripts are compared as such: `zho-Hant` takes zh-TW.
  """
  language, rest = _parted(wanted)
  if re.fullmatch("-[A-Z][a-z]{3}", rest):
    return standard_language(code) == standard_language(wanted)
  own_language, own_rest = _parted(code)
  is_same = in_three_letters(own_language) == in_three_letters(language)
  return is_same and rest.lower() in ("", own_rest.lower())
