"""Tab-separated pairs; quotes are plain characters."""

from collections.abc import Iterable, Iterator

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.base.types import PathLike
from labse_jax.data.sources import ORDER_OF_COLUMNS, Counts, Pair


def read(
  paths: Iterable[PathLike],
  *,
  counts: Counts,
  columns: str = "source,target",
  source_language: str = "und",
  target_language: str = "und",
) -> Iterator[Pair]:
  """Yields the Pairs of TSV files. `columns` names their columns, "-" one to skip.

  A line with another number of columns, an empty side or bytes that are not UTF-8 is counted as
  bad and skipped. A first line that has just these names is a header; it is dropped and counted.
  A language without a column is the one given.
  """
  places, width = _places(columns)
  for path in paths:
    constant = Pair(source_language, target_language, origin_of(path), "", "")

    def bad_bytes(number, reason, path=path):
      counts.rows += 1
      counts.bad_row(f"{path}:{number}", reason)

    for number, line in read_lines(path, on_bad=bad_bytes):
      counts.rows += 1
      cells = line.split("\t")
      if len(cells) != width:
        reason = f"{len(cells)} columns, not the {width} of --columns {columns}."
        counts.bad_row(f"{path}:{number}", reason)
        continue
      named = {name: cells[place].strip() for name, place in places.items()}
      if number == 1 and all(name == cell for name, cell in named.items()):
        counts.dropped["header"] += 1
        continue
      pair = constant._replace(**named)
      if pair.source and pair.target:
        yield pair
      else:
        side = "target" if pair.source else "source"
        counts.bad_row(f"{path}:{number}", f"the {side} is empty.")


def origin_of(path: PathLike) -> str:
  """A file's name up to its first dot: the origin of pairs that do not name one."""
  return str(path).rstrip("/").rpartition("/")[2].partition(".")[0]


def _places(columns):
  """Returns ({name: its column}, number of columns)."""
  names = [name.strip() for name in columns.split(",")]
  used = [name for name in names if name not in ("", "-")]
  unknown = sorted(set(used) - set(ORDER_OF_COLUMNS))
  missing = sorted({"source", "target"} - set(used))
  if unknown or missing or len(set(used)) < len(used):
    raise InputError(
      f"--columns {columns}: name source and target once, and of {list(ORDER_OF_COLUMNS)} what the "
      "file has, '-' for a column to pass over."
    )
  return {name: names.index(name) for name in used}, len(names)
