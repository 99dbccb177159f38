"""One process at a time: a lock that is free again when its holder dies, however it dies."""

from collections.abc import Iterator
import contextlib
import errno
import fcntl
import functools
import json
import os
import pathlib
import socket
import sys
import time

from labse_jax.base.errors import InputError

NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # Of file systems, not of this file.
_held: set[int] = set()  # The descriptors of this process.


@contextlib.contextmanager
def locked(path: pathlib.Path, what: str | os.PathLike[str]) -> Iterator[None]:
  """Holds the lock file `path`, and removes it in the end, with folders that it had to make.

  Raises InputError where another process holds it; `what` is what both of them want to write. Where
  the file system has no locks, a line says so and the block runs.
  """
  made = _make_folders(path.parent)
  try:
    descriptor = taken(path, what)
    _held.add(descriptor)
    try:
      _sign(descriptor)
      yield
    finally:
      # First the name: who opens the file now makes a new one.
      if descriptor in _held:
        path.unlink(missing_ok=True)
        _held.remove(descriptor)
        os.close(descriptor)
  finally:
    with contextlib.suppress(OSError):  # They hold something.
      for folder in made:
        folder.rmdir()


def beside(output: pathlib.Path) -> pathlib.Path:
  """The lock file of a partial output."""
  return output.with_name(output.name + ".partial.lock")


def _make_folders(folder: pathlib.Path) -> list[pathlib.Path]:
  """Makes a folder and those above it; returns the new ones, the innermost first."""
  made = [place for place in (folder, *folder.parents) if not place.exists()]
  folder.mkdir(parents=True, exist_ok=True)
  return made


def taken(path: pathlib.Path, what: str | os.PathLike[str]) -> int:
  """Opens or makes a file, which this process then holds until it closes the descriptor.

  Programs that it starts do not inherit the descriptor. Raises InputError as `locked` does.
  """
  while True:
    # Not emptied by opening it: what is in it is the holder's.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
      _lock(descriptor, path, what)
    except BaseException:
      os.close(descriptor)
      raise
    if _is_at(descriptor, path):
      return descriptor
    # Its holder moved or removed it before it was ours, and there may be another by now.
    os.close(descriptor)


def _lock(descriptor, path, what):
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    raise InputError(
      f"{what}: another process is writing there: {_holder(descriptor)}. Wait until it is done, or "
      "name another place."
    ) from None
  except OSError as error:
    if error.errno not in NO_LOCKS:
      error.filename = str(path)
      raise
    _say_no_locks(path.parent, error.strerror)


@functools.cache  # Once is enough.
def _say_no_locks(folder, reason):
  # Not by console.note: it starts JAX, which not every command needs.
  print(
    f"labse-jax: {folder}: the file system has no locks ({reason}); see to it that no other "
    "process writes there.",
    file=sys.stderr,
  )


def _is_at(descriptor, path):
  """Whether the open file is still the one of that name."""
  try:
    return os.path.samestat(os.fstat(descriptor), path.stat())
  except FileNotFoundError:
    return False


def _sign(descriptor):
  """Writes who holds the lock."""
  holder = {
    "process": os.getpid(),
    "host": socket.gethostname(),
    "since": time.strftime("%Y-%m-%d %H:%M:%S"),
  }
  os.ftruncate(descriptor, 0)
  os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(descriptor):
  """Who holds the lock, in words."""
  try:
    holder = json.loads(os.pread(descriptor, 1000, 0))
    return "process {process} on {host}, since {since}".format(**holder)
  except (ValueError, TypeError, KeyError):  # It is about to sign.
    return "it has just begun"


def _leave_to_parent():
  """In a forked child: it does not hold its parent's locks, which would outlive the parent."""
  for descriptor in _held:
    os.close(descriptor)
  _held.clear()


os.register_at_fork(after_in_child=_leave_to_parent)
