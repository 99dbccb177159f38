"""Which of a run's processes writes and speaks."""

import sys

import jax
from tqdm import tqdm


def is_main():
  """Whether this process is the one that writes files and speaks."""
  return jax.process_index() == 0


def say(text, **options):
  """Prints on one host only."""
  if is_main():
    print(text, flush=True, **options)


def with_progress(items, doing):
  """The same items, counted by a bar on a terminal."""
  return tqdm(items, desc=doing, unit=" lines", disable=not sys.stderr.isatty())
