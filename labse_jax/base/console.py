"""What a person is told: which process speaks, its lines, its warnings and its progress bars."""

from collections.abc import Iterable
import os
import sys

from tqdm import tqdm

# Of a terminal that does not say how large it is.
COLUMNS = 80
ROWS = 24


def is_main() -> bool:
  """Whether this process is the one that writes files and speaks."""
  import jax  # Late: `--help` does not wait for JAX.

  return jax.process_index() == 0


def say(text: str) -> None:
  """Prints a line of a command's results, on one host only."""
  if is_main():
    print(text, flush=True)


def note(text: str) -> None:
  """Tells how it goes, on stderr, on one host only."""
  if is_main():
    print(f"labse-jax: {text}", file=sys.stderr, flush=True)


def warn(text: str) -> None:
  """Tells what a person should look at, on stderr, on one host only."""
  note(f"warning: {text}")


def on_terminal() -> bool:
  """Whether a person at a terminal sees stderr, where bars are drawn."""
  return sys.stderr.isatty()


def progress(
  items: Iterable[object] | None = None,
  *,
  unit: str,
  doing: str | None = None,
  total: int | None = None,
  initial: int = 0,
  shown: bool | None = None,
) -> tqdm:
  """A bar over `items`, or one that `update` moves; drawn on a terminal unless `shown` says else.

  `unit` names what is counted ("lines"), `doing` stands before the bar.
  """
  if shown is None:
    shown = on_terminal()
  return tqdm(
    items,
    desc=doing,
    unit=f" {unit}",
    total=total,
    initial=initial,
    disable=not shown,
    **_size(),
  )


def _size() -> dict[str, int]:
  """tqdm's options for the size of a bar: the terminal's own, wherever it tells one.

  A size of 0, as the terminals of `script` and of some containers say, would hide the bar.
  """
  try:
    known = os.get_terminal_size(sys.stderr.fileno()).columns
  except (OSError, ValueError):  # It is a file, or none of the system's.
    known = 0
  return {"dynamic_ncols": True} if known else {"ncols": COLUMNS, "nrows": ROWS}
