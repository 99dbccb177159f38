"""Ctrl-C and SIGTERM while a command imports JAX, whose tracebacks are of no use to a person."""

import os
import re
import signal

# As the word may be written: `-m labse_jax.encode`, or joined with other flags, `-um...`.
COMMAND = re.compile(r"(-\w*m)?labse_jax\.\w+")


def install(module):
  """Ends the process at once at either signal, if `module` of `python -m` is one of our commands.

  `errors.run` replaces it by what a running command does.
  """
  if COMMAND.fullmatch(module):
    for number in (signal.SIGINT, signal.SIGTERM):
      signal.signal(number, _end)


def _end(number, _):
  os.write(2, b"labse-jax: interrupted\n")
  os._exit(128 + number)
