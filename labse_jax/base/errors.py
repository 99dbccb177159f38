"""What a command says when something is wrong, and the exit status it says it with."""

from collections.abc import Callable, Iterable, Sequence
import contextlib
import difflib
import errno
import os
import sys
import typing

from labse_jax.base import extras, interrupts

Main = Callable[[Sequence[str]], int | None]  # Words of a command line -> an exit status.
MOST_LISTED = 12  # A message names no more things than this.
CUTOFF = 0.6  # Of difflib's ratio: below it a word is not the other one misspelt.


class InputError(ValueError):
  """A person's input is wrong: the message says what was got, where, and what is allowed."""


def run(main: Main, argv: Sequence[str] | None = None) -> typing.NoReturn:
  """Runs a command's `main(argv)` and exits: 0 done, 2 wrong input, 1 our own fault.

  The status is 130 after Ctrl-C and 143 after SIGTERM. Without `argv` the process is the command's
  own, and a signal ends it without waiting for what its devices still have to do.
  """
  interrupted = False
  try:
    with interrupts.watched(_tell, whole_process=argv is None):
      status = main(sys.argv[1:] if argv is None else argv) or 0
      sys.stdout.flush()
  except InputError as error:
    status = _say(error, 2)
  except KeyboardInterrupt as error:
    interrupted = True
    words = interrupts.farewell(getattr(error, "__notes__", ()))
    status = _say(words, interrupts.status_of(error))
  except BrokenPipeError:  # The reader of our output left, as `| head` does.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    status = 0
  except OSError as error:  # A full disk, a folder in a file's place, a name too long.
    if error.errno in (None, errno.EBADF, errno.EINVAL):  # Our fault, not the machine's.
      raise
    where = f"{error.filename}: " if error.filename else ""
    status = _say(f"{where}{error.strerror}", 2)
  except ModuleNotFoundError as error:
    advice = extras.explanation(error)
    if advice is None:
      raise
    status = _say(advice, 2)
  except FloatingPointError as error:
    status = _say(error, 1)
  if interrupted and argv is None:
    with contextlib.suppress(OSError):
      sys.stdout.flush()
    os._exit(status)
  sys.exit(status)


def _say(message: object, status: int) -> int:
  _tell(message)
  return status


def _tell(message: object) -> None:
  print(f"labse-jax: {' '.join(str(message).split())}", file=sys.stderr, flush=True)


def listed(names: Iterable[str]) -> str:
  """Names as an error shows them: the first few, and how many more there are."""
  names = list(names)
  text = ", ".join(names[:MOST_LISTED])
  if len(names) > MOST_LISTED:
    text += f" and {len(names) - MOST_LISTED} more"
  return text


def alike(
  name: object,
  choices: Iterable[str],
  most: int = 1,
  cutoff: float = CUTOFF,
) -> list[str]:
  """Those of `choices` that `name` may be misspelt for, the likeliest first; `most` at most.

  What many names share counts for nothing: dashes before them, ".py" behind them, capitals.
  """
  by_core: dict[str, list[str]] = {}
  for choice in choices:
    by_core.setdefault(_core(choice), []).append(choice)
  near = difflib.get_close_matches(_core(name), by_core, most, cutoff)
  found = [choice for core in near for choice in by_core[core]]
  return found[:most]


def _core(name: object) -> str:
  return str(name).lower().lstrip("-").removesuffix(".py")


def nearest(name: object, choices: Iterable[str]) -> str:
  """A hint at the one of `choices` that is most like `name`; empty where none is like it."""
  near = alike(name, choices)
  return f"; did you mean {near[0]!r}?" if near else ""


def known(kind: str, name: object, choices: Iterable[str]) -> str:
  """Returns `name` if it is one of `choices`; else raises, with the nearest of them."""
  choices = sorted(choices)
  if not isinstance(name, str) or name not in choices:
    hint = nearest(name, choices) or "."
    raise InputError(f"Unknown {kind} {name!r}{hint} Choose from {choices}.")
  return name


def unicode_text(text: str, where: str = "") -> str:
  """Returns `text` if it can be written as UTF-8; else raises InputError, after `where`.

  Python puts stand-ins (surrogates) into a text for bytes of the command line that are no UTF-8.
  """
  try:
    text.encode("utf-8")
  except UnicodeEncodeError as error:
    near = text[max(0, error.start - 20) : error.end + 20]
    raise InputError(f"{where}{ascii(near)} is not Unicode text.") from None
  return text
