"""Which of a run's processes writes and speaks."""

import jax


def is_main():
  """Whether this process is the one that writes files and speaks."""
  return jax.process_index() == 0


def say(text, **options):
  """Prints on one host only."""
  if is_main():
    print(text, flush=True, **options)
