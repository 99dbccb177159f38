"""What a command says when something is wrong, and the exit status it says it with."""

import difflib
import errno
import os
import signal
import sys

AFTER_CALLBACK = 0.05  # Seconds.
MOST_LISTED = 12  # A message names no more things than this.


class InputError(ValueError):
  """A person's input is wrong: the message says what was got, where, and what is allowed."""


def run(main, argv=None):
  """Runs a command's `main(argv)` and exits: 0 done, 2 wrong input, 130 Ctrl-C, 1 our own fault."""
  signal.signal(signal.SIGINT, signal.default_int_handler)  # Until here early_interrupt had it.
  hook_before = sys.unraisablehook
  sys.unraisablehook = _interrupt_again
  try:
    status = main(sys.argv[1:] if argv is None else argv)
    sys.stdout.flush()
  except InputError as error:
    status = _say(error, 2)
  except KeyboardInterrupt:
    status = _say("interrupted", 130)
  except BrokenPipeError:  # The reader of our output left, as `| head` does.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    status = 0
  except OSError as error:  # A full disk, a folder in a file's place, a name too long.
    if error.errno in (None, errno.EBADF, errno.EINVAL):  # Our fault, not the machine's.
      raise
    where = f"{error.filename}: " if error.filename else ""
    status = _say(f"{where}{error.strerror}", 2)
  except FloatingPointError as error:
    status = _say(error, 1)
  finally:
    sys.unraisablehook = hook_before
  sys.exit(status or 0)


def _interrupt_again(unraisable):
  """Keeps a Ctrl-C that fell into a library's callback, such as JAX's at a garbage collection.

  Python prints and drops what is raised there. A timer raises it again, outside of the callback.
  """
  if not issubclass(unraisable.exc_type, KeyboardInterrupt):
    sys.__unraisablehook__(unraisable)
    return
  signal.signal(signal.SIGALRM, signal.default_int_handler)
  signal.setitimer(signal.ITIMER_REAL, AFTER_CALLBACK)


def _say(message, status):
  print(f"labse-jax: {' '.join(str(message).split())}", file=sys.stderr)
  return status


def listed(names):
  """Names as an error shows them: the first few, and how many more there are."""
  names = list(names)
  text = ", ".join(names[:MOST_LISTED])
  if len(names) > MOST_LISTED:
    text += f" and {len(names) - MOST_LISTED} more"
  return text


def nearest(name, choices):
  """A hint at the one of `choices` that is most like `name`; empty where none is like it."""
  near = difflib.get_close_matches(str(name), list(choices), 1)
  return f"; did you mean {near[0]!r}?" if near else ""


def known(kind, name, choices):
  """Returns `name` if it is one of `choices`; else raises, with the nearest of them."""
  choices = sorted(choices)
  if name not in choices:
    hint = nearest(name, choices) or "."
    raise InputError(f"Unknown {kind} {name!r}{hint} Choose from {choices}.")
  return name
