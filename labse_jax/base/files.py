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
from labse_jax.base.reading.limits import bounded_lines, limits
from labse_jax.base.reading.zstd_file import ZstdFile
from labse_jax.base.types import PathLike
from labse_jax.base.writing import lock

COMPRESSIONS = (".gz", ".xz", ".zst")
DEVICES = ("/dev", "/dev/fd")
OPEN_FILES = "/proc"  # /dev/fd/1 is here: the file that standard output goes to.
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
    return io.BufferedReader(ZstdFile(path))
  return open(path, "rb")


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
  the line is taken for Latin-1. A NUL is treated as bytes that are not UTF-8, also if `latin`: it
  is no character of a text, and UTF-16 has one in nearly every line.
  Only "\\n" ends a line: str.splitlines would also cut at characters that stand inside sentences.
  A line that is longer than `limits` allow raises InputError.
  """
  with open_binary(path) as file:
    for number, raw in enumerate(bounded_lines(file, limits, path), 1):
      if number <= skip:
        continue
      line, reason = _decoded(raw, first=number == 1, latin=latin)
      if reason is not None:
        if on_bad is None:
          raise InputError(f"{path}:{number}: {reason}")
        on_bad(number, reason)
        if not keep_bad:
          continue
      yield number, line


def _decoded(raw: bytes, *, first: bool, latin: bool) -> tuple[str | None, str | None]:
  """Returns (the text of a line, None), or (None, what is wrong with its bytes)."""
  place = raw.find(b"\0") + 1
  if place:
    return None, f"is no text: it has a NUL (byte {place} of the line). Convert UTF-16 to UTF-8."
  try:
    text = raw.decode("utf-8-sig" if first else "utf-8")
  except UnicodeDecodeError as error:
    if not latin:
      return None, f"not UTF-8 (byte {error.start + 1} of the line)."
    text = raw.decode("latin-1")
  return text.rstrip("\r\n"), None


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
  """Opens a neighbour of `path` for writing and moves it into place once all was written.

  Raises InputError where `path` is a folder or a device, or another process is writing it.
  """
  path = pathlib.Path(path)
  check_place(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  partial = path.with_name(path.name + ".partial")
  encoding = None if "b" in mode else "utf-8"
  descriptor = lock.taken(partial, path)
  with naming(path), open(descriptor, mode, encoding=encoding) as file:
    try:
      os.ftruncate(descriptor, 0)
      yield file
      file.flush()
      os.fsync(descriptor)
      # Before it is closed, as then another process could take the file and empty it.
      os.replace(partial, path)
    except BaseException:
      partial.unlink(missing_ok=True)
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
  remove. It also raises where another process is writing the folder.
  """
  folder = pathlib.Path(folder)
  check_replaceable(folder, marker=marker)
  partial = folder.with_name(folder.name + ".partial")
  old = folder.with_name(folder.name + ".old")
  with lock.locked(lock.beside(folder), folder):
    if old.is_dir() and not folder.exists():
      os.replace(old, folder)  # A run was killed between the two renames.
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
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
    if is_pipe(path):
      raise InputError(f"{path}: is read more than once; a file on disk is needed.")
    if path.resolve().is_relative_to(output.resolve()):
      raise InputError(f"{output}: is, or holds, the input {path}; name another folder.")


def is_pipe(path: PathLike) -> bool:
  """Whether `path` is a pipe or a device: what is read from it is gone then."""
  path = pathlib.Path(path)
  return path.exists() and not path.is_file() and not path.is_dir()


def check_outputs(outputs: Sequence[PathLike], inputs: Iterable[PathLike]) -> None:
  """Raises InputError where a file to be written is a folder, a device, an input or another one.

  Nor may its ending promise a compressed file, since none is written.
  """
  inputs = {pathlib.Path(path).resolve() for path in inputs}
  for place, path in enumerate(map(pathlib.Path, outputs)):
    if path.suffix in COMPRESSIONS:
      plain = without_compression(path)
      raise InputError(f"{path}: outputs are not compressed; write {plain}, and compress that.")
    check_place(path)
    if path.resolve() in inputs:
      raise InputError(f"{path}: is an input; name another file for the output.")
    if path.resolve() in {pathlib.Path(other).resolve() for other in outputs[:place]}:
      raise InputError(f"{path}: is named for two outputs; each needs a file of its own.")


def check_place(path: PathLike) -> None:
  """Raises InputError where a file to be written would replace a folder or a device.

  Nothing is written among devices at all: /dev/stdout is a link, which would be replaced itself.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    raise InputError(f"{path}: is a folder; a file is needed.")
  if is_pipe(path):
    raise InputError(f"{path}: is a {'pipe' if path.is_fifo() else 'device'}; a file is needed.")
  parent = path.parent.resolve()
  if str(parent) in DEVICES or parent.is_relative_to(OPEN_FILES):
    raise InputError(f"{path}: is in a folder of devices; name a file elsewhere.")


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
