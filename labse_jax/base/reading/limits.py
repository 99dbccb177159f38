"""How much of an input may be in memory at a time: a small compressed file unpacks to any size."""

from collections.abc import Callable, Iterator
import dataclasses
import functools
import io
from typing import Any

from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike

MEGABYTE = 10**6


@dataclasses.dataclass
class Limits:
  """The most that a piece of input may hold, in MB, unpacked.

  `line_mb` holds for a line, and for a unit of a translation memory; `member_mb` for a file in an
  archive, and for a gettext catalogue.
  """

  line_mb: int = 16
  member_mb: int = 1000

  @property
  def line(self) -> int:
    """The most bytes of a line."""
    return self.line_mb * MEGABYTE

  @property
  def member(self) -> int:
    """The most bytes of a file in an archive."""
    return self.member_mb * MEGABYTE

  def too_long(self, place: str) -> str:
    """What an error says of a line that has more."""
    most = f"{self.line_mb:,} MB"
    return f"{place}: has more than {most}; --max-line-mb, where a command has it, allows more."

  def too_large(self, place: PathLike) -> str:
    """What an error says of a file that has more."""
    most = f"{self.member_mb:,} MB"
    return f"{place}: has more than {most} (unpacked); --max-member-mb of `prepare` allows more."


limits = Limits()  # Of this process; a command's flags set them before it reads anything.


class Bounded(io.RawIOBase):
  """Gives the bytes of a file; raises InputError(message()) where more than `most` come.

  They are counted from the beginning, or from the last `reset`.
  """

  def __init__(self, file: io.BufferedIOBase, most: int, message: Callable[[], str]) -> None:
    self._file = file
    self._most = most
    self._message = message
    self._count = 0

  def readable(self) -> bool:
    return True

  def readinto(self, buffer: Any, /) -> int:
    size = self._file.readinto(buffer)
    self._count += size
    if self._count > self._most:
      raise InputError(self._message())
    return size

  def reset(self) -> None:
    """Begins to count anew."""
    self._count = 0


def bounded_lines(file: io.BufferedIOBase, limits: Limits, place: PathLike) -> Iterator[bytes]:
  """Yields the lines of a file, with their ends; raises InputError for one that is too long."""
  buffered = io.BufferedReader(file, 1 << 20)
  lines = iter(functools.partial(buffered.readline, limits.line + 1), b"")
  for number, line in enumerate(lines, 1):
    if len(line) > limits.line:
      raise InputError(limits.too_long(f"{place}:{number}"))
    yield line
