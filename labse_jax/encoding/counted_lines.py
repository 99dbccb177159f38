"""The lines of a file that are counted before they are read, and must stay as they are."""

from collections.abc import Iterator
import contextlib
import hashlib
import itertools
import pathlib
import shutil
from typing import Any

from labse_jax.base import files
from labse_jax.base.errors import InputError

BLOCK = 1 << 24  # Bytes of a pipe that are copied at a time.


class CountedLines:
  """The lines of `source`; `count` says how many they are.

  They are read from `path`: from `source` itself, or from a copy of what a pipe gave.
  """

  def __init__(self, source: pathlib.Path, path: pathlib.Path) -> None:
    self.source = source
    self.path = path
    self._stamp_before = self._stamp()
    self.count = sum(1 for _ in files.read_lines(path))

  def identity(self) -> dict[str, Any]:
    """What tells, at another time, whether a file has the same lines; for JSON."""
    if self.path == self.source:
      input = [str(self.source.resolve()), self._stamp_before]
    else:
      # A pipe has another name, and its copy another time, at each run.
      with open(self.path, "rb") as file:
        input = [hashlib.file_digest(file, "blake2b").hexdigest()]
    return {"input": input, "lines": self.count}

  def chunks(self, size: int, *, skip: int) -> Iterator[list[str]]:
    """Yields the lines after the first `skip`, so many at a time; the last may be fewer.

    Raises InputError where the file is no longer what was counted.
    """
    read = skip
    numbered_lines = files.read_lines(self.path, skip=skip)
    while chunk := [line for _, line in itertools.islice(numbered_lines, size)]:
      read += len(chunk)
      self._check(read)
      yield chunk
    self._check(read, whole=True)

  def _check(self, read, *, whole=False):
    same_count = read == self.count if whole else read <= self.count
    if not same_count or self._stamp() != self._stamp_before:
      raise InputError(
        f"{self.source}: was changed while it was read; it had {self.count:,} lines. Give the "
        "command again."
      )

  def _stamp(self):
    """[size, time] of the file; None where there is none."""
    if not self.path.exists():
      return None
    stat = self.path.stat()
    return [stat.st_size, stat.st_mtime_ns]


@contextlib.contextmanager
def counted_lines(source: pathlib.Path, output: pathlib.Path) -> Iterator[CountedLines]:
  """Gives the CountedLines of `source`. What a pipe gives is copied beside `output` meanwhile.

  Raises InputError where `source` is empty, or the disk has no room for the text of a pipe.
  """
  with _on_disk(source, output) as path:
    lines = CountedLines(source, path)
    if not lines.count:
      raise InputError(f"{source}: is empty; there is nothing to encode.")
    yield lines


@contextlib.contextmanager
def _on_disk(source, output):
  """Gives a file that can be read again."""
  if not files.is_pipe(source):
    yield source
    return
  ending = source.suffix if source.suffix in files.COMPRESSIONS else ""
  copy = output.with_name(f"{output.name}.partial.input{ending}")
  try:
    _copy(source, copy)
    yield copy
  except InputError as error:
    # A person knows the text by the name of the pipe.
    raise InputError(str(error).replace(str(copy), str(source))) from error
  finally:
    copy.unlink(missing_ok=True)


def _copy(pipe, copy):
  copy.parent.mkdir(parents=True, exist_ok=True)
  with open(pipe, "rb") as source, open(copy, "wb") as target:
    while block := source.read(BLOCK):
      if len(block) > shutil.disk_usage(copy.parent).free:
        raise InputError(
          f"{pipe}: is a pipe, whose text is first copied to {copy.parent}; the disk there has no "
          "room for it. Give a file."
        )
      target.write(block)
