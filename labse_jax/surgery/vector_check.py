"""Vectors that a model should give: read from a file, and compared with those that it gives."""

import json
import math

import numpy as np

from labse_jax.base import files
from labse_jax.base.errors import InputError

LIMIT = 1e-4  # Of any number of a vector of length 1.


def read_vectors(path):
  """(texts, vectors [N, D] of length 1) of a file of {"text": ..., "vector": [...]} lines."""
  texts, vectors = [], []
  for number, line in files.read_lines(path):
    try:
      item = json.loads(line)
      text, vector = item["text"], np.array(item["vector"], np.float64)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
      raise InputError(
        f'{path}:{number}: not {{"text": ..., "vector": [...]}} ({error!r}).'
      ) from error
    norm = np.linalg.norm(vector)
    same = vector.ndim == 1 and vector.shape == (vectors or [vector])[0].shape
    if not isinstance(text, str) or not same or not 0 < norm < math.inf:
      raise InputError(
        f"{path}:{number}: a text and a vector of finite numbers, as many as on the "
        "first line, are needed."
      )
    texts.append(text)
    vectors.append(vector / norm)
  if not texts:
    raise InputError(f"{path}: is empty.")
  return texts, np.stack(vectors)


def compare(encoder, texts, expected_ND):
  """How near an encoder's vectors come, in words; raises InputError for more than LIMIT apart."""
  if encoder.dimension != expected_ND.shape[1]:
    raise InputError(
      f"The vectors to compare with have {expected_ND.shape[1]} numbers, the "
      f"model's {encoder.dimension}."
    )
  z_ND = encoder.encode(texts, normalize_embeddings=True)
  largest = float(np.abs(z_ND - expected_ND).max())
  report = (
    f"{len(texts):,} texts, largest difference {largest:.1e}, smallest cosine "
    f"{float((z_ND * expected_ND).sum(1).min()):.7f}"
  )
  if not largest <= LIMIT:
    raise InputError(f"Other vectors than expected: {report}; {LIMIT:.0e} is allowed.")
  return report
