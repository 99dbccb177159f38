"""What a command does about a signal or a missing library while it is still imported.

Tracebacks out of the middle of an import are of no use to a person.
"""

import os
import re
import signal
import sys
import types

from labse_jax.base import extras

# As the word may be written: `-m labse_jax.encode`, or joined with other flags, `-um...`.
COMMAND = re.compile(r"(-\w*m)?labse_jax\.\w+")


def install(module: str) -> None:
  """Makes either end in one line, if `module` of `python -m` is one of our commands.

  `errors.run` replaces what it does at a signal by what a running command does.
  """
  if COMMAND.fullmatch(module):
    for number in (signal.SIGINT, signal.SIGTERM):
      signal.signal(number, _end)
    sys.excepthook = _explain


def _end(number: int, _: types.FrameType | None) -> None:
  os.write(2, b"labse-jax: interrupted\n")
  os._exit(128 + number)


def _explain(
  kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
) -> None:
  words = extras.explanation(error) if isinstance(error, ImportError) else None
  if words is None:
    sys.__excepthook__(kind, error, trace)
    return
  os.write(2, f"labse-jax: {words}\n".encode())
  os._exit(2)
