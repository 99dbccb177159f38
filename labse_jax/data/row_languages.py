"""What a person is told about the languages of rows, while they are read."""

from collections.abc import Callable, Iterable, Iterator

from labse_jax.data.languages import UNKNOWN
from labse_jax.data.sources import Pair

SIDES = ("source", "target")


def watched(
  rows: Iterable[Pair], given: tuple[str | None, str | None], tell: Callable[[str], object]
) -> Iterator[Pair]:
  """Yields the rows, and tells of languages that are not known.

  `given` are the languages of source and target that a person gave, None for none, and `tell(text)`
  warns. It is told at the first such row, in time to stop a long run.
  """
  told = False
  for row in rows:
    if not told and UNKNOWN in row[:2]:
      sides = _unknown_sides(row[:2], given)
      if sides:
        told = True
        tell(_message(sides))
    yield row


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
