"""Processes that share the work on a sequence of items; the results come in the items' order.

A worker is a Python of its own that talks over its stdin and stdout. multiprocessing would need
semaphores, which some sandboxes lack, and would run the script of a caller again in each worker.
"""

from collections import deque
import contextlib
import itertools
import os
import pickle
import queue
import subprocess
import sys
import threading

from labse_jax.base.errors import InputError

MOST_WORKERS = 8  # What is left to this process would not keep up with more.
AHEAD = 4  # Items that a worker has at most, with those whose results nobody has taken yet.
# The modules are found where the caller finds them.
_PROGRAM = """\
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from labse_jax.base.workers import serve
serve()
"""


def in_order(start, items, *, workers):
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
    waiting = deque()  # The worker of each item that was sent and not yet taken.
    for item in items:
      if len(waiting) == AHEAD * len(started):
        yield waiting.popleft().take()
      worker = next(turns)
      worker.send(item)
      waiting.append(worker)
    while waiting:
      yield waiting.popleft().take()


def number_of_workers():
  """How many workers are of use: one for each core that this process may run on, up to a limit."""
  try:
    cores = len(os.sched_getaffinity(0))
  except AttributeError:  # macOS has none.
    cores = os.cpu_count() or 1
  return min(cores, MOST_WORKERS)


@contextlib.contextmanager
def _started(start, number):
  """Gives the workers that could be started, none for a number of one; at the end none is left."""
  workers = []
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

  def __init__(self, start):
    self._process = subprocess.Popen(
      [sys.executable, "-c", _PROGRAM],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      start_new_session=True,  # A terminal's Ctrl-C is for the caller, who then stops the workers.
    )
    with contextlib.suppress(BrokenPipeError):  # It is not ready then.
      self.send_all(sys.path, start)

  def is_ready(self):
    """Waits until the worker is ready; False if it never will be."""
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
      return pickle.load(self._process.stdout)
    return False

  def send(self, item):
    """Gives an item to the worker, which has room for it: its own thread reads on."""
    try:
      self.send_all(item)
    except BrokenPipeError:  # Elsewhere this means that the reader of our output left.
      raise self._death() from None

  def send_all(self, *values):
    for value in values:
      pickle.dump(value, self._process.stdin)
    self._process.stdin.flush()

  def take(self):
    """Waits for the next result and returns it, or raises what the function raised."""
    try:
      result, error = pickle.load(self._process.stdout)
    except (EOFError, pickle.UnpicklingError):  # Nothing came, or only a part.
      raise self._death() from None
    if error is not None:
      raise error
    return result

  def stop(self):
    """Ends the process, whatever it does."""
    self._process.kill()
    for pipe in (self._process.stdin, self._process.stdout):
      with contextlib.suppress(OSError):  # What it was not yet given is of no use to anyone.
        pipe.close()
    self._process.wait()

  def _death(self):
    self._process.kill()
    return InputError(
      f"A worker process died (status {self._process.wait()}) before its work was done; does the "
      "memory suffice? Run it again."
    )


def serve():
  """The work of a worker: reads items from stdin and writes their results to stdout, to the end."""
  results = os.fdopen(os.dup(1), "wb")
  os.dup2(2, 1)  # What is printed by mistake must not stand among the results.
  start = pickle.load(sys.stdin.buffer)
  # A thread writes, so that a result that nobody takes yet does not keep the next item waiting.
  outbox = queue.SimpleQueue()
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


def _outcome(function, item):
  """(the result, None), or (None, what was raised)."""
  try:
    return function(item), None
  except Exception as error:  # Every error is the caller's to handle.
    return None, error


def _write(outbox, results):
  try:
    while (message := outbox.get()) is not None:
      results.write(message)
      results.flush()
  except BrokenPipeError:  # The caller is no more.
    os._exit(1)
