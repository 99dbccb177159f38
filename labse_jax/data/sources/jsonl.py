"""One JSON object a line: {"source": .., "target": ..} or {"translation": {"en": .., "de": ..}}."""

from collections.abc import Iterable, Iterator
import json

from labse_jax.base.files import read_lines
from labse_jax.base.types import PathLike
from labse_jax.data.sources import Counts, Pair, two_languages
from labse_jax.data.sources.tsv import origin_of


def read(
  paths: Iterable[PathLike],
  *,
  counts: Counts,
  source_language: str | None = None,
  target_language: str | None = None,
) -> Iterator[Pair]:
  """Yields the Pairs of JSON lines; a line that is not such an object counts as bad.

  From a "translation" it takes the languages given, or else the first two.
  """
  for path in paths:

    def bad_line(number, reason, path=path):
      counts.rows += 1
      counts.bad_row(f"{path}:{number}", reason)

    for number, line in read_lines(path, on_bad=bad_line):
      if not line.strip():
        continue
      try:
        pair = _pair(json.loads(line), origin_of(path), source_language, target_language)
      except (ValueError, RecursionError) as error:
        bad_line(number, f"not a pair of texts in JSON: {error}")
        continue
      counts.rows += 1
      yield pair


def _pair(row, origin, source_language, target_language):
  if not isinstance(row, dict):
    raise ValueError(f"an object is needed, not a {type(row).__name__}.")
  texts = row.get("translation")
  if isinstance(texts, dict):
    source_language, target_language = two_languages(texts, source_language, target_language)
    row = row | {"source": texts.get(source_language), "target": texts.get(target_language)}
  pair = Pair(
    row.get("source_language") or source_language or "und",
    row.get("target_language") or target_language or "und",
    row.get("origin") or origin,
    row.get("source"),
    row.get("target"),
  )
  for name, text in pair._asdict().items():
    if not isinstance(text, str) or not text.strip():
      raise ValueError(f"{name} is {text!r}, not a text.")
    text.encode()  # A lone surrogate, which JSON can spell, is a ValueError here.
  return pair
