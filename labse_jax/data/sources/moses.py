"""Two files aligned by line, as Moses, OPUS and the Tatoeba test have them."""

from collections.abc import Iterator, Sequence
import itertools

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.base.types import PathLike
from labse_jax.data.sources import Counts, Pair, stem_and_language
from labse_jax.data.sources.tsv import origin_of

_END = object()


def read(
  paths: Sequence[PathLike],
  *,
  counts: Counts,
  source_language: str | None = None,
  target_language: str | None = None,
) -> Iterator[Pair]:
  """Yields the Pairs of a source file and a target file with equally many lines.

  A language that is not given is the file's ending. Raises InputError, with both numbers, where
  the files have different numbers of lines.
  """
  if len(paths) != 2:
    raise InputError(f"Moses text is two files, source then target; {len(paths)} were given.")
  source_language = source_language or stem_and_language(paths[0])[1] or "und"
  target_language = target_language or stem_and_language(paths[1])[1] or "und"
  origin = origin_of(paths[0])
  lines = [_lines(path, counts) for path in paths]
  aligned = itertools.zip_longest(*lines, fillvalue=_END)
  for number, (source, target) in enumerate(aligned, 1):
    if source is _END or target is _END:
      _raise_unequal(paths, number, lines, longer=int(source is _END))
    counts.rows += 1
    if source is None or target is None:  # Counted as bad already.
      continue
    if source.strip() and target.strip():
      yield Pair(source_language, target_language, origin, source.strip(), target.strip())
    else:
      counts.dropped["empty"] += 1


def _lines(path, counts):
  """Yields the lines of a file; None for a line that is not UTF-8, which is counted as bad."""
  # Such a line keeps its place, or all that follow would be misaligned.
  bad: dict[int, str] = {}
  for number, line in read_lines(path, on_bad=bad.__setitem__, keep_bad=True):
    if line is None:
      counts.bad_row(f"{path}:{number}", bad.pop(number))
    yield line


def _raise_unequal(paths, number, lines, *, longer):
  lengths = [number - 1, number - 1]
  lengths[longer] = number + sum(1 for _ in lines[longer])
  raise InputError(
    f"{paths[0]} has {lengths[0]:,} lines and {paths[1]} has {lengths[1]:,}; "
    "aligned files have equally many."
  )
