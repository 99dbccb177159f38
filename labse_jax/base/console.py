"""What a person is told: which process speaks, its lines, its warnings and its progress bars."""

import sys

from tqdm import tqdm


def is_main():
  """Whether this process is the one that writes files and speaks."""
  import jax  # Late: `--help` does not wait for JAX.

  return jax.process_index() == 0


def say(text):
  """Prints a line of a command's results, on one host only."""
  if is_main():
    print(text, flush=True)


def note(text):
  """Tells how it goes, on stderr, on one host only."""
  if is_main():
    print(f"labse-jax: {text}", file=sys.stderr, flush=True)


def warn(text):
  """Tells what a person should look at, on stderr, on one host only."""
  note(f"warning: {text}")


def on_terminal():
  """Whether a person at a terminal sees stderr, where bars are drawn."""
  return sys.stderr.isatty()


def progress(items=None, *, unit, doing=None, total=None, initial=0, shown=None):
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
    dynamic_ncols=True,
  )
