"""Language-agnostic sentence embeddings in JAX and Flax."""

import os
import signal
import sys

from labse_jax.base.version import __version__ as __version__


def __getattr__(name):
  # Lazily, so that `labse-jax --help` does not wait for JAX.
  if name == "SentenceEncoder":
    from labse_jax.encoding.sentence_encoder import SentenceEncoder

    return SentenceEncoder
  raise AttributeError(f"module 'labse_jax' has no attribute {name!r}")


if sys.orig_argv[1:2] == ["-m"] and sys.orig_argv[2].startswith("labse_jax."):
  # Ctrl-C while a command still imports JAX: its tracebacks would be of no use to a person.
  signal.signal(signal.SIGINT, lambda *_: os._exit(130))
