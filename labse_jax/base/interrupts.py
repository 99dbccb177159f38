"""Ctrl-C and SIGTERM end a command soon, in one line, whatever it waits for.

Python runs a handler between two of its own instructions. One call into XLA, NumPy or a tokenizer
can last much longer. So a thread watches, and ends the process where the command did not.

A call that waits for its input returns for a signal only if the main thread gets it while it waits.
A signal that came right before, or that another thread got, would be seen with the next line of
input. So the thread also wakes the main one.
"""

from collections.abc import Callable, Iterable, Iterator
import contextlib
from importlib.machinery import ExtensionFileLoader
import math
import os
import select
import signal
import sys
import threading
import time
import types
import typing

PATIENCE = 1.0  # Seconds in which a command may clean up.
AFTER_CALLBACK = 0.05  # Seconds.
BETWEEN_WAKINGS = 0.1  # Seconds.
WAKE = signal.SIGURG  # Its handler does nothing, and nobody else sends it.
SIGNALS = (signal.SIGINT, signal.SIGTERM)

# Functions that give words for what a command keeps, the innermost last.
_kept: list[Callable[[], str]] = []
# Functions that `answered` was given, the innermost last.
_answers: list[Callable[[int], None]] = []


class Interrupted(KeyboardInterrupt):
  """The command is to end; `number` is the signal that asked for it."""

  def __init__(self, number: int) -> None:
    super().__init__()
    self.number = number


@contextlib.contextmanager
def kept(words: Callable[[], str]) -> Iterator[None]:
  """Where a signal ends the command in this block, its last line says `words()`."""
  _kept.append(words)
  try:
    yield
  except KeyboardInterrupt as error:
    if not getattr(error, "__notes__", None):  # An inner block knows more.
      error.add_note(words())
    raise
  finally:
    _kept.remove(words)


@contextlib.contextmanager
def answered(answer: Callable[[int, int], object]) -> Iterator[None]:
  """Where this block has its own handlers, `answer(number, count)` is called for each signal.

  A thread calls it at once, also while the main thread is within a call into C, where a handler has
  to wait. `count` is 1 for the block's first signal. Without `watched` around it nobody calls it.
  """
  count = 0

  def counted(number: int) -> None:
    nonlocal count
    count += 1
    answer(number, count)

  _answers.append(counted)
  try:
    yield
  finally:
    _answers.remove(counted)


def farewell(words: Iterable[str] = ()) -> str:
  """The last line of a command that a signal ended."""
  return "; ".join(["interrupted", *words])


def status_of(error: KeyboardInterrupt) -> int:
  """The exit status of a command that ended with this KeyboardInterrupt."""
  return 128 + getattr(error, "number", signal.SIGINT)


@contextlib.contextmanager
def watched(say: Callable[[str], object], *, whole_process: bool) -> Iterator[None]:
  """A block that both signals end: they raise Interrupted, and a second one ends at once.

  A block that has not ended after PATIENCE is ended with its process; `say` gives the last line to
  the person then. Handlers that the block itself installs are left alone. Where the block is the
  `whole_process`, further signals are ignored behind it, since the last line is said there.
  """
  watcher = _Watcher(say)
  before = {number: signal.signal(number, watcher.interrupt) for number in SIGNALS}
  before[WAKE] = signal.signal(WAKE, lambda *_: None)
  hook_before = sys.unraisablehook
  sys.unraisablehook = watcher.interrupt_again
  try:
    with watcher.listening():
      yield
  except KeyboardInterrupt:
    if whole_process:
      before |= dict.fromkeys(SIGNALS, signal.SIG_IGN)
    raise
  finally:
    sys.unraisablehook = hook_before
    for number, handler in before.items():
      signal.signal(number, handler)


def _imports_an_extension(frame: types.FrameType | None) -> bool:
  """Whether a frame, or one that called it, is that of the import of an extension module."""
  while frame:
    if isinstance(frame.f_locals.get("self"), ExtensionFileLoader):
      return True
    frame = frame.f_back
  return False


class _Watcher:
  """The handler of the signals, and the thread that sees them while the main thread cannot."""

  def __init__(self, say: Callable[[str], object]) -> None:
    self.say = say
    self.number: int = signal.SIGINT  # The signal that came.
    self.ended = threading.Event()

  def interrupt(self, number: int, frame: types.FrameType | None) -> typing.NoReturn:
    """The handler; it runs in the main thread, as soon as that runs Python again."""
    self.number = number
    # C++ that is being imported aborts the process where an exception comes from what it calls.
    if _imports_an_extension(frame):
      self._end(number)
    raise Interrupted(number)

  def interrupt_again(self, unraisable: "sys.UnraisableHookArgs") -> None:
    """Keeps an interrupt that fell into a library's callback, such as JAX's at a collection.

    Python prints and drops what is raised there. A timer raises it again, outside of the callback.
    """
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
      sys.__unraisablehook__(unraisable)
      return
    signal.signal(signal.SIGALRM, lambda *_: self.interrupt(self.number, None))
    signal.setitimer(signal.ITIMER_REAL, AFTER_CALLBACK)

  @contextlib.contextmanager
  def listening(self) -> Iterator[None]:
    """Runs the thread in this block; Python writes each signal's number into a pipe for it."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    fd_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # Handlers are set in the main thread alone, so this is it.
    main_thread = threading.get_ident()
    thread = threading.Thread(target=self._watch, args=(reader, main_thread), daemon=True)
    thread.start()
    try:
      yield
    finally:
      self.ended.set()
      signal.set_wakeup_fd(fd_before)
      os.close(writer)  # The thread reads the end, and ends.
      thread.join()
      os.close(reader)

  def _watch(self, reader: int, main_thread: int) -> None:
    asked = None
    deadline = math.inf
    while True:
      ready, _, _ = select.select([reader], [], [], BETWEEN_WAKINGS if asked else None)
      if asked and time.monotonic() > deadline:
        self._end(asked)
      if not ready:
        signal.pthread_kill(main_thread, WAKE)
        continue
      numbers = os.read(reader, 1)
      if not numbers:
        return
      (number,) = numbers
      if number not in SIGNALS:
        continue
      # A run of training has a handler of its own, which saves what it has.
      if signal.getsignal(number) != self.interrupt:
        for answer in _answers[-1:]:
          answer(number)
      else:
        if asked:
          self._end(number)
        asked = number
        deadline = time.monotonic() + PATIENCE

  def _end(self, number: int) -> None:
    if not self.ended.is_set():
      self.say(farewell([words() for words in _kept[-1:]]))
      os._exit(128 + number)
