"""Reading text that may be compressed, and writing files and folders that are never half there."""

from collections.abc import Callable, Iterable, Iterator, Sequence
import contextlib
import gzip
import io
import json
import lzma
import os
import pathlib
import shutil
import typing
from typing import Any, Literal
import zlib

import zstandard

from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike

COMPRESSIONS = (".gz", ".xz", ".zst")
DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zstandard.ZstdError)

Kind = typing.TypeVar("Kind")
OnBad = Callable[[int, str], object]  # Takes the number of a line, and what is wrong with it.


@contextlib.contextmanager
def open_binary(path: PathLike) -> Iterator[io.BufferedIOBase]:
  """Opens a plain, .gz, .xz or .zst file for reading bytes; a damaged one is an InputError."""
  path = pathlib.Path(path)
  if not path.exists():
    raise InputError(f"{path}: no such file.")
  if path.is_dir():
    raise InputError(f"{path}: is a folder; a file is needed.")
  try:
    with _opened(path) as file:
      yield file
  except DAMAGED as error:
    raise InputError(f"{path}: the compressed file is damaged or cut short ({error}).") from error


def _opened(path: pathlib.Path) -> io.BufferedIOBase:
  """A file that gives the bytes of a plain, .gz, .xz or .zst file."""
  if path.suffix == ".gz":
    return gzip.open(path, "rb")
  if path.suffix == ".xz":
    return lzma.open(path, "rb")
  if path.suffix == ".zst":
    return io.BufferedReader(_ZstdFile(path))
  return open(path, "rb")


class _ZstdFile(io.RawIOBase):
  """A .zst file for reading; unlike zstandard.open, it raises EOFError where the file is cut."""

  def __init__(self, path: pathlib.Path) -> None:
    self._file = open(path, "rb")  # noqa: SIM115 (closed by close)
    # The decompressor of the frame that is read.
    self._frame: zstandard.ZstdDecompressionObj | None = None
    self._left = b""  # What it gave and nobody has read yet.
    self._begun = False  # Whether any of the frame has come.

  def readable(self):
    return True

  def readinto(self, buffer):
    while not self._left:
      raw = b""
      # A file may be several frames, one after another: each needs a decompressor of its own.
      if self._frame is None or self._frame.eof:
        if self._frame is not None:
          raw = self._frame.unused_data
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = bool(raw)
      raw = raw or self._file.read(1 << 17)
      if not raw:
        if self._begun:
          raise EOFError("the last frame is not complete")
        return 0
      self._begun = True
      self._left = self._frame.decompress(raw)
    size = min(len(buffer), len(self._left))
    buffer[:size] = self._left[:size]
    self._left = self._left[size:]
    return size

  def close(self):
    self._file.close()
    super().close()


@typing.overload
def read_lines(
  path: PathLike,
  *,
  skip: int = 0,
  on_bad: OnBad | None = None,
  keep_bad: Literal[False] = False,
  latin: bool = False,
) -> Iterator[tuple[int, str]]: ...


@typing.overload
def read_lines(
  path: PathLike,
  *,
  skip: int = 0,
  on_bad: OnBad | None = None,
  keep_bad: Literal[True],
  latin: bool = False,
) -> Iterator[tuple[int, str | None]]: ...


def read_lines(
  path: PathLike,
  *,
  skip: int = 0,
  on_bad: OnBad | None = None,
  keep_bad: bool = False,
  latin: bool = False,
) -> Iterator[tuple[int, str | None]]:
  """Yields (number, line) of a UTF-8 file, numbered from 1, without the line's end.

  Bytes that are not UTF-8 raise InputError with file and line number; with `on_bad`, it is called
  with (number, reason) instead and the line left out, or given as None if `keep_bad`; if `latin`,
  the line is taken for Latin-1.
  Only "\\n" ends a line: str.splitlines would also cut at characters that stand inside sentences.
  """
  with open_binary(path) as file:
    for number, raw in enumerate(io.BufferedReader(file, 1 << 20), 1):
      if number <= skip:
        continue
      line: str | None
      try:
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
      except UnicodeDecodeError as error:
        reason = f"not UTF-8 (byte {error.start + 1} of the line)."
        if latin:
          line = raw.decode("latin-1").rstrip("\r\n")
        elif on_bad is None:
          raise InputError(f"{path}:{number}: {reason}") from error
        else:
          on_bad(number, reason)
          if not keep_bad:
            continue
          line = None
      yield number, line


@typing.overload
def read_json(path: pathlib.Path, default: dict[str, Any] | None = None) -> dict[str, Any]: ...


@typing.overload
def read_json(path: pathlib.Path, default: Kind | None = None, *, kind: type[Kind]) -> Kind: ...


def read_json(path: pathlib.Path, default: Any = None, *, kind: type = dict) -> Any:
  """The JSON in a file, an object unless `kind` says else; `default`, if given, where none is."""
  if default is not None and not path.exists():
    return default
  try:
    value = json.loads(path.read_text(encoding="utf-8"))
  except (OSError, ValueError, RecursionError) as error:
    raise InputError(f"{path}: cannot be read as JSON ({error}).") from error
  if not isinstance(value, kind):
    raise InputError(f"{path}: holds a {type(value).__name__}; a {kind.__name__} is needed.")
  return value


def write_json(path: PathLike, value: object, *, indent: int | None = 2) -> None:
  """Writes a value as JSON into `path`, which is whole or not there; makes its folder too."""
  with replacing(path) as file:
    file.write(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")


@typing.overload
def replacing(
  path: PathLike, mode: Literal["w"] = "w"
) -> contextlib.AbstractContextManager[typing.IO[str]]: ...


@typing.overload
def replacing(
  path: PathLike, mode: Literal["wb"]
) -> contextlib.AbstractContextManager[typing.IO[bytes]]: ...


@contextlib.contextmanager
def replacing(path: PathLike, mode: str = "w") -> Iterator[typing.IO[Any]]:
  """Opens a neighbour of `path` for writing and moves it into place once all was written."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  partial = path.with_name(path.name + ".partial")
  encoding = None if "b" in mode else "utf-8"
  try:
    with open(partial, mode, encoding=encoding) as file:
      yield file
      file.flush()
      os.fsync(file.fileno())
    os.replace(partial, path)
  except BaseException as error:
    partial.unlink(missing_ok=True)
    _name_file(error, path)
    raise


@contextlib.contextmanager
def naming(path: PathLike) -> Iterator[None]:
  """Gives the name of `path` to an error of a failed write in the block, which does not know it."""
  try:
    yield
  except OSError as error:
    _name_file(error, path)
    raise


@contextlib.contextmanager
def replacing_folder(folder: PathLike, *, marker: str) -> Iterator[pathlib.Path]:
  """Gives an empty folder to fill; it takes the place of `folder` once the block ends well.

  Raises InputError where something stands there that has no file `marker`: it is not ours to
  remove.
  """
  folder = pathlib.Path(folder)
  check_replaceable(folder, marker=marker)
  partial = folder.with_name(folder.name + ".partial")
  old = folder.with_name(folder.name + ".old")
  if old.is_dir() and not folder.exists():
    os.replace(old, folder)  # A run was killed between the two renames.
  shutil.rmtree(partial, ignore_errors=True)
  partial.mkdir(parents=True)
  try:
    yield partial
    _exchange(partial, folder)
  except BaseException as error:
    shutil.rmtree(partial, ignore_errors=True)
    _name_file(error, folder)
    raise


def check_replaceable(folder: PathLike, *, marker: str) -> None:
  """Raises InputError unless `folder` is absent, empty, or an earlier output with its `marker`."""
  folder = pathlib.Path(folder)
  if folder.exists() and not folder.is_dir():
    raise InputError(f"{folder}: is a file; a folder is needed.")
  if folder.name in ("", ".."):
    raise InputError(f"{folder}: name the folder to write.")
  if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).exists():
    raise InputError(f"{folder}: holds other files (and no {marker}); name a new folder.")


def check_paths(inputs: Iterable[PathLike], output: PathLike, *, marker: str) -> None:
  """Raises InputError where an input is missing, or would go when `output` is written."""
  output = pathlib.Path(output)
  check_replaceable(output, marker=marker)
  for path in map(pathlib.Path, inputs):
    if not path.exists():
      raise InputError(f"{path}: no such file or folder.")
    if not (path.is_file() or path.is_dir()):
      raise InputError(f"{path}: is read more than once; a file on disk is needed.")
    if path.resolve().is_relative_to(output.resolve()):
      raise InputError(f"{output}: is, or holds, the input {path}; name another folder.")


def check_outputs(outputs: Sequence[PathLike], inputs: Iterable[PathLike]) -> None:
  """Raises InputError where a file to be written is a folder, a device, an input or another one.

  Nor may its ending promise a compressed file, since none is written.
  """
  inputs = {pathlib.Path(path).resolve() for path in inputs}
  for place, path in enumerate(map(pathlib.Path, outputs)):
    if path.suffix in COMPRESSIONS:
      plain = without_compression(path)
      raise InputError(f"{path}: outputs are not compressed; write {plain}, and compress that.")
    if path.exists() and not path.is_file():  # It would be replaced, even if it is a device.
      raise InputError(f"{path}: is a {'folder' if path.is_dir() else 'device'}; a file is needed.")
    if path.resolve() in inputs:
      raise InputError(f"{path}: is an input; name another file for the output.")
    if path.resolve() in {pathlib.Path(other).resolve() for other in outputs[:place]}:
      raise InputError(f"{path}: is named for two outputs; each needs a file of its own.")


def without_compression(path: PathLike) -> pathlib.Path:
  """The path without the ending of a compressed file, if it has one."""
  path = pathlib.Path(path)
  return path.with_suffix("") if path.suffix in COMPRESSIONS else path


def _exchange(partial: pathlib.Path, folder: pathlib.Path) -> None:
  old = folder.with_name(folder.name + ".old")
  if folder.exists():
    shutil.rmtree(old, ignore_errors=True)
    os.replace(folder, old)
  try:
    os.replace(partial, folder)
  except BaseException:
    if old.exists():
      os.replace(old, folder)
    raise
  shutil.rmtree(old, ignore_errors=True)


def _name_file(error: BaseException, path: PathLike) -> None:
  # A failed write does not know its file, and the person should.
  if isinstance(error, OSError) and error.filename is None and error.errno is not None:
    error.filename = str(path)
