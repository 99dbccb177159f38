"""Files that are compressed by Zstandard."""

import io
import pathlib
from typing import Any

import zstandard


class ZstdFile(io.RawIOBase):
  """A .zst file for reading; unlike zstandard.open, it raises EOFError where the file is cut."""

  def __init__(self, path: pathlib.Path) -> None:
    self._file = open(path, "rb")  # noqa: SIM115 (closed by close)
    # The decompressor of the frame that is read.
    self._frame: zstandard.ZstdDecompressionObj | None = None
    self._left = memoryview(b"")  # What it gave and nobody has read yet.
    self._begun = False  # Whether any of the frame has come.

  def readable(self) -> bool:
    return True

  def readinto(self, buffer: Any, /) -> int:
    while not self._left:
      raw = b""
      # A file may be several frames, one after another: each needs a decompressor of its own.
      if self._frame is None or self._frame.eof:
        if self._frame is not None:
          raw = self._frame.unused_data
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = bool(raw)
      # Little at a time: 4 bytes may unpack to 128 KB.
      raw = raw or self._file.read(1 << 9)
      if not raw:
        if self._begun:
          raise EOFError("the last frame is not complete")
        return 0
      self._begun = True
      self._left = memoryview(self._frame.decompress(raw))
    size = min(len(buffer), len(self._left))
    buffer[:size] = self._left[:size]
    self._left = self._left[size:]
    return size

  def close(self) -> None:
    self._file.close()
    super().close()
