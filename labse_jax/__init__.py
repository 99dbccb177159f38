"""Language-agnostic sentence embeddings in JAX and Flax."""

__version__ = "0.1.0"


def __getattr__(name):
  # Lazily, so that `labse-jax --help` does not wait for JAX.
  if name == "SentenceEncoder":
    from labse_jax.encode import SentenceEncoder

    return SentenceEncoder
  raise AttributeError(f"module 'labse_jax' has no attribute {name!r}")
