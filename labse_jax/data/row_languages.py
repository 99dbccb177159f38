"""What a person is told about the languages of rows, while they are read."""

from collections.abc import Callable, Iterable, Iterator

from labse_jax.base.errors import listed
from labse_jax.data.language_codes import is_code
from labse_jax.data.languages import UNKNOWN, standard_language
from labse_jax.data.sources import Pair

SIDES = ("source", "target")


def watched(
  rows: Iterable[Pair], given: tuple[str | None, str | None], tell: Callable[[str], object]
) -> Iterator[Pair]:
  """Yields the rows, and tells of languages that are not known and of codes that are none.

  `given` are the languages of source and target that a person gave, None for none, and `tell(text)`
  warns. A language that is not known is told at the first such row, in time to stop a long run.
  """
  # Of whole pairs of languages: nearly every row is told apart by a single look-up.
  seen: set[tuple[str, str]] = set()
  strange: set[str] = set()
  told = False
  for row in rows:
    if row[:2] not in seen:
      seen.add(row[:2])
      sides = _unknown_sides(row[:2], given)
      if sides and not told:
        told = True
        tell(_message(sides))
      strange.update(filter(_is_strange, row[:2]))
    yield row
  if strange:
    tell(
      f"the rows have language codes that are none of ISO 639-3: {listed(sorted(strange))}. They"
      " are kept as they are; are the columns right?"
    )


def _unknown_sides(languages, given):
  """The sides of a row without a language; a person who gave it as unknown needs no warning."""
  sides = zip(SIDES, languages, given, strict=True)
  return [side for side, language, said in sides if language == UNKNOWN and said != UNKNOWN]


def _message(sides):
  flags = " and ".join(f"--{side}-language" for side in sides)
  return (
    f"the language of the {' and the '.join(sides)} is not known, and is written as"
    f" {UNKNOWN!r}; give {flags}, as codes such as eng and deu."
  )


def _is_strange(code):
  # A document has no target, and the code of none.
  primary = standard_language(code).replace("_", "-").partition("-")[0]
  return bool(code) and not is_code(primary)
