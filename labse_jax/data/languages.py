"""Locale codes, as software writes them, brought to ISO 639-3 and a script where it is unusual."""

import functools
import re

from labse_jax.base.errors import InputError
from labse_jax.data.language_codes import three_letters

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
  r"([a-z]{2,3})(?:[-_]([A-Z][a-z]{3}))?(?:[-_]([A-Z]{2}|\d{3}|[A-Z][a-z]+|[a-z]{2}))?"
  r"(?:\.[\w-]+)?(?:@(\w+))?"
)


def language_of_locale(locale: str) -> str | None:
  """`zh_TW` -> "zho-Hant", `sr@latin` -> "srp-Latn", `pt_BR` -> "por"; None if it is not a locale.

  Chinese always names its script; regions and styles are dropped.
  """
  match = _LOCALE.fullmatch(locale)
  if not match:
    return None
  code, script, region, modifier = match.groups(default="")
  language = three_letters().get(code, code)
  if len(language) != 3 or _NO_LANGUAGE.fullmatch(language):
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
  if not re.fullmatch(r"[A-Za-z]{2,8}([-_@][A-Za-z0-9]{1,8})*", code):
    raise InputError(
      f"Language code {code[:40]!r}: letters are allowed, with parts after a hyphen, as in eng "
      "or zho-Hans; are the columns right?"
    )
  return code


@functools.cache
def standard_language(code: str) -> str:
  """`en`, `EN-US` -> "eng"; returns an unknown code, or one of three letters, as it is."""
  primary, mark, rest = code.replace("_", "-").partition("-")
  if len(primary) != 2:
    return code
  rest = rest.title() if len(rest) == 4 else rest
  return language_of_locale(primary.lower() + mark + rest) or code
