"""Processes that share the work on a sequence of items; the results come in the items' order.

A worker is a Python of its own that talks over its stdin and stdout. multiprocessing would need
semaphores, which some sandboxes lack, and would run the script of a caller again in each worker.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
import contextlib
import itertools
import os
import pickle
import queue
import subprocess
import sys
import threading
import typing

from labse_jax.base import machine
from labse_jax.base.errors import InputError

MOST_WORKERS = 8  # What is left to this process would not keep up with more.
AHEAD = 4  # Items that a worker has at most, with those whose results nobody has taken yet.

Item = typing.TypeVar("Item")
Result = typing.TypeVar("Result")
# Makes what a worker opens once, and with it the function of an item.
Start = Callable[[], contextlib.AbstractContextManager[Callable[[Item], Result]]]
# The modules are found where the caller finds them.
_PROGRAM = """\
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from labse_jax.base.workers import serve
serve()
"""


def in_order(
  start: Start[Item, Result],
  items: Iterable[Item],
  *,
  workers: int,
) -> Iterator[Result]:
  """Yields function(item) of each item, in order, where `with start() as function` gives function.

  Each worker process starts once; `start` is a function of a module, so that a worker can import
  it. With one worker, or where none can be started, this process does the work itself. What
  `function` raises is raised here, in its turn. Raises InputError where a worker dies.
  """
  with _started(start, workers) as started:
    if not started:
      with start() as function:
        yield from map(function, items)
      return
    turns = itertools.cycle(started)
    waiting: deque[_Worker] = deque()  # The worker of each item that was sent and not yet taken.
    for item in items:
      if len(waiting) == AHEAD * len(started):
        yield waiting.popleft().take()
      worker = next(turns)
      worker.send(item)
      waiting.append(worker)
    while waiting:
      yield waiting.popleft().take()


def number_of_workers() -> int:
  """How many workers are of use: one for each core that this process may run on, up to a limit."""
  return min(machine.cores(), MOST_WORKERS)


@contextlib.contextmanager
def _started(start: Start, number: int) -> "Iterator[list[_Worker]]":
  """Gives the workers that could be started, none for a number of one; at the end none is left."""
  workers: list[_Worker] = []
  try:
    if number > 1 and sys.executable:
      with contextlib.suppress(OSError):  # No more processes, no memory, not allowed.
        for _ in range(number):
          workers.append(_Worker(start))
    ready = [worker for worker in workers if worker.is_ready()]
    if len(ready) < number and number > 1:
      # Not by console.note: it starts JAX, which the workers' caller may not need.
      print(f"labse-jax: {len(ready)} of {number} worker processes started.", file=sys.stderr)
    yield ready
  finally:
    for worker in workers:
      worker.stop()


class _Worker:
  """A worker process, seen from the one that started it."""

  def __init__(self, start: Start) -> None:
    process = subprocess.Popen(
      [sys.executable, "-c", _PROGRAM],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      start_new_session=True,  # A terminal's Ctrl-C is for the caller, who then stops the workers.
    )
    assert process.stdin and process.stdout  # Both are pipes.
    self._process = process
    self._to_worker = process.stdin
    self._from_worker = process.stdout
    with contextlib.suppress(BrokenPipeError):  # It is not ready then.
      self.send_all(sys.path, start)

  def is_ready(self) -> bool:
    """Waits until the worker is ready; False if it never will be."""
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
      return pickle.load(self._from_worker)
    return False

  def send(self, item: object) -> None:
    """Gives an item to the worker, which has room for it: its own thread reads on."""
    try:
      self.send_all(item)
    except BrokenPipeError:  # Elsewhere this means that the reader of our output left.
      raise self._death() from None

  def send_all(self, *values: object) -> None:
    for value in values:
      pickle.dump(value, self._to_worker)
    self._to_worker.flush()

  def take(self) -> typing.Any:
    """Waits for the next result and returns it, or raises what the function raised."""
    try:
      result, error = pickle.load(self._from_worker)
    except (EOFError, pickle.UnpicklingError):  # Nothing came, or only a part.
      raise self._death() from None
    if error is not None:
      raise error
    return result

  def stop(self) -> None:
    """Ends the process, whatever it does."""
    self._process.kill()
    for pipe in (self._to_worker, self._from_worker):
      with contextlib.suppress(OSError):  # What it was not yet given is of no use to anyone.
        pipe.close()
    self._process.wait()

  def _death(self) -> InputError:
    self._process.kill()
    return InputError(
      f"A worker process died (status {self._process.wait()}) before its work was done; does the "
      "memory suffice? Run it again."
    )


def serve() -> None:
  """The work of a worker: reads items from stdin and writes their results to stdout, to the end."""
  results = os.fdopen(os.dup(1), "wb")
  os.dup2(2, 1)  # What is printed by mistake must not stand among the results.
  start = pickle.load(sys.stdin.buffer)
  # A thread writes, so that a result that nobody takes yet does not keep the next item waiting.
  outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
  writer = threading.Thread(target=_write, args=(outbox, results), daemon=True)
  writer.start()
  with start() as function:
    outbox.put(pickle.dumps(True))
    with contextlib.suppress(EOFError, pickle.UnpicklingError):  # The caller left.
      while True:
        item = pickle.load(sys.stdin.buffer)
        outbox.put(pickle.dumps(_outcome(function, item)))
  outbox.put(None)
  writer.join()


def _outcome(
  function: Callable[[Item], Result],
  item: Item,
) -> tuple[Result, None] | tuple[None, Exception]:
  """(the result, None), or (None, what was raised)."""
  try:
    return function(item), None
  except Exception as error:  # Every error is the caller's to handle.
    return None, error


def _write(outbox: "queue.SimpleQueue[bytes | None]", results: typing.BinaryIO) -> None:
  try:
    while (message := outbox.get()) is not None:
      results.write(message)
      results.flush()
  except BrokenPipeError:  # The caller is no more.
    os._exit(1)
