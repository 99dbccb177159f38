"""Functions from texts to vectors, and what calls them."""

import sys

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.encoding import vector_files


def load_encode(model, *, precision="float32", prompt=None):
  """A function from a list of sentences to unit vectors, float32 [N, D], by a folder or .npy."""
  if vector_files.is_stored(model):
    return vector_files.load_encode(model)
  # Late: `--help` does not wait for JAX.
  from labse_jax.encoding.sentence_encoder import SentenceEncoder

  encoder = SentenceEncoder.load(model, precision=precision)
  options = {"show_progress_bar": sys.stderr.isatty(), "prompt": prompt}
  return lambda texts: encoder.encode(texts, normalize_embeddings=True, **options)


def encode_distinct(pairs, encode):
  """Encodes each text once (English sides repeat between languages): ({text: row}, [N, D])."""
  texts = list(dict.fromkeys(text for sides in pairs for side in sides for text in side))
  vectors_ND = np.asarray(encode(texts), np.float32)
  if not np.isfinite(vectors_ND).all():
    bad = texts[int(np.argmin(np.isfinite(vectors_ND).all(axis=1)))]
    raise InputError(f"The model's vector of {bad!r} is not finite: its weights are damaged.")
  return {text: row for row, text in enumerate(texts)}, vectors_ND


def encode_once(encoder, texts, prompt, bar):
  """(unit vectors [texts, P] float16, distinct texts that were cut, distinct texts).

  Texts that repeat are encoded once.
  """
  from labse_jax.encoding import sentence_encoder  # Late, as above.

  numbers, cut = {}, 0
  place_N = np.array([numbers.setdefault(text, len(numbers)) for text in texts])
  times_U, distinct = np.bincount(place_N), list(numbers)
  vectors_UP = np.empty((len(distinct), encoder.dimension), np.float16)
  for start in range(0, len(distinct), sentence_encoder.CHUNK):
    part = slice(start, start + sentence_encoder.CHUNK)
    vectors_UP[part] = encoder.encode(
      distinct[part], normalize_embeddings=True, prompt=prompt, warn=False
    )
    cut += encoder.cut
    bar.update(int(times_U[part].sum()))
  return vectors_UP[place_N], cut, len(distinct)
