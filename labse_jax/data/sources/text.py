"""Text of one language a file, as monolingual corpora and dumps of Wikipedia have it."""

from collections.abc import Iterator, Sequence

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.base.types import PathLike
from labse_jax.data.languages import check_code, language_of_locale, standard_language
from labse_jax.data.sources import Counts, Pair, stem_and_language
from labse_jax.data.sources.tsv import origin_of

# Some 2,500 tokens, several of the longest rows; a file without a blank line still streams.
DOCUMENT_CHARACTERS = 10_000


def read(
  paths: Sequence[PathLike], *, counts: Counts, source_language: str | None = None
) -> Iterator[Pair]:
  """Yields a Pair without a target for each document: its lines, joined by line ends.

  A document ends at a blank line, at the file's end, and before a line that would take it over
  DOCUMENT_CHARACTERS. White space within a line is folded. The language is the one given, or else
  the one in the file's name, as in NAME.eng.txt.gz.
  """
  # All names are checked before the first file is read.
  languages = [_language(path, source_language) for path in paths]
  for path, language in zip(paths, languages, strict=True):
    for lines in _documents(path, counts):
      yield Pair(language, "", origin_of(path), "\n".join(lines), "")


def _language(path, given):
  if given:
    return check_code(standard_language(given))
  stem, ending = stem_and_language(path)
  if ending == "txt":
    _, ending = stem_and_language(stem)
  code = standard_language(ending)
  if language_of_locale(code) is None:
    raise InputError(
      f"{path}: its name has no language; NAME.eng.txt has one, or --source-language eng gives it."
    )
  return code


def _documents(path, counts):
  """Yields the lines of each document, as a list."""

  def bad_line(number, reason):
    counts.rows += 1
    counts.bad_row(f"{path}:{number}", reason)

  lines: list[str] = []
  size = 0
  for _, line in read_lines(path, on_bad=bad_line):
    line = " ".join(line.split())
    if lines and (not line or size + len(line) > DOCUMENT_CHARACTERS):
      yield lines
      lines = []
      size = 0
    if line:
      counts.rows += 1
      lines.append(line)
      size += len(line) + 1  # For the "\n" after it.
  if lines:
    yield lines
