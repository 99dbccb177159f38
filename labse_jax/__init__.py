"""Language-agnostic sentence embeddings in JAX and Flax.

`from labse_jax import SentenceEncoder` opens a model; `labse-jax --help` lists the commands.
"""

import sys
import typing

from labse_jax.base.version import __version__ as __version__

if typing.TYPE_CHECKING:
  from labse_jax.encoding.sentence_encoder import SentenceEncoder as SentenceEncoder


def __getattr__(name: str) -> object:
  # Lazily, so that `labse-jax --help` does not wait for JAX.
  if name == "SentenceEncoder":
    from labse_jax.encoding.sentence_encoder import SentenceEncoder

    return SentenceEncoder
  raise AttributeError(f"module 'labse_jax' has no attribute {name!r}")


def __dir__() -> list[str]:
  return [*globals(), "SentenceEncoder"]


# Python sets argv[0] to "-m" while it looks for the module of `python -m`, and only then.
if sys.argv[:1] == ["-m"]:
  from labse_jax.base import early

  early.install(sys.orig_argv[-len(sys.argv)])
