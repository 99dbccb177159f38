"""The codes of ISO 639, as the package iso639 knows them, and those of families of languages.

Corpora also use codes that ISO 639-3 gave up, which the package has, and families, which it lacks:
Tatoeba has kzj and ber.
"""

import functools
import re
import typing

if typing.TYPE_CHECKING:
  import iso639

# ISO 639-3 leaves these to everybody: no language will ever have one.
_LOCAL_USE = re.compile("q[a-t][a-z]")
# Families of languages in ISO 639-2.
_FAMILIES = """
  afa alg apa art ath aus bad bai bat ber bih bnt btk cai cau cel cmc cpe cpf cpp crp cus day dra
  fiu gem him ijo inc ine ira iro kar khi kro map mkh mno mun myn nah nai nic nub oto paa phi pra
  roa sai sal sem sgn sio sit sla smi son ssa tai tup tut wak wen ypk znd
"""
# Codes of two letters that locales have kept, and Norwegian, which corpora take for Bokmål.
_KEPT = {"in": "ind", "iw": "heb", "ji": "yid", "mo": "ron", "no": "nob"}


@functools.cache
def languages() -> "dict[str, iso639.Language]":
  """{code of ISO 639-3: what is known of the language}, with the codes that were given up."""
  import iso639  # It takes 0.15 s, for which `--help` need not wait.

  return {language.part3: language for language in iso639.ALL_LANGUAGES}


def is_code(code: str) -> bool:
  """Whether three letters are a code of ISO 639-3, of a family, or one for local use."""
  return code in languages() or code in _FAMILIES.split() or bool(_LOCAL_USE.fullmatch(code))


@functools.cache
def three_letters() -> dict[str, str]:
  """{code of ISO 639-1: that of ISO 639-3}, its macrolanguage where there is one."""
  codes = {one.part1: code for code, one in languages().items() if one.part1}
  return codes | _KEPT


@functools.cache
def library_codes() -> dict[str, str]:
  """{code that libraries catalogue by (ISO 639-2/B): that of ISO 639-3}, where they differ."""
  codes = {one.part2b: code for code, one in languages().items() if one.part2b}
  return {library: code for library, code in codes.items() if library != code}
