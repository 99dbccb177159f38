"""The languages of two files of sentences, and the format of their pairs, by the files' names."""

from collections.abc import Sequence
import pathlib

from labse_jax.base import console
from labse_jax.base.types import PathLike
from labse_jax.data.language_names import asked_language, name_of, named
from labse_jax.data.languages import UNKNOWN, standard_language
from labse_jax.data.sources import stem_and_language
from labse_jax.mining.texts import SIDES

DEFAULT_FORMAT = "tsv"
ENDINGS = ("tsv", "tmx", "jsonl")
NAMING = ("tmx", "jsonl")  # The formats that say the languages.


def language_of(given: str | None, path: PathLike) -> str:
  """The language that was given for a file, or else its ending, if we have a name for that code.

  Of rarer languages it must be given: csv, tsv, txt and xml are codes of some.
  """
  if given:
    return asked_language(given)
  _, ending = stem_and_language(path)
  return ending if name_of(ending) else UNKNOWN


def format_of(given: str | None, output: PathLike) -> str:
  """The format that was given for an output, or else the one that its ending names, or else TSV.

  An ending names no Moses files: of these the output is only how their names begin.

  Warns where the two are different formats.
  """
  ending = pathlib.Path(output).suffix[1:].lower()
  if ending not in ENDINGS:
    return given or DEFAULT_FORMAT
  if given and given != ending:
    console.warn(f"{output}: will be written as {given}, as --format says, and not as {ending}.")
  return given or ending


def warn_of_languages(languages: Sequence[str], format: str) -> None:
  """Warns where both sides are the same language, and where a file would name an unknown one."""
  source, target = languages
  if UNKNOWN not in languages and standard_language(source) == standard_language(target):
    console.warn(
      f"source and target are both {named(source)}; if one is not, say its --source-language or "
      "--target-language."
    )
  if format in NAMING and UNKNOWN in languages:
    flags = [
      f"--{side}-language"
      for side, language in zip(SIDES, languages, strict=True)
      if language == UNKNOWN
    ]
    console.warn(
      f"the {format} will call a language {UNKNOWN!r}, which means undetermined; say it by "
      f"{' and '.join(flags)}."
    )
