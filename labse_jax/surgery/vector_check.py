"""The vectors that a model should give are read from a file and compared with its own."""

from collections.abc import Sequence
import json
import math

import numpy as np

from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.neighbours.unit_vectors import unit

LIMIT = 1e-4  # How far any number of a vector of length 1 may be off.


def read_vectors(path: PathLike) -> tuple[list[str], np.ndarray]:
  """Reads (texts, vectors [N, D] of length 1) of a file of {"text": ..., "vector": [...]} lines."""
  texts: list[str] = []
  vectors: list[np.ndarray] = []
  for number, line in files.read_lines(path):
    text, vector_D = _parsed(line, f"{path}:{number}")
    if vectors and vector_D.shape != vectors[0].shape:
      raise InputError(_wrong_values(f"{path}:{number}"))
    texts.append(text)
    vectors.append(vector_D)
  if not texts:
    raise InputError(f"{path}: is empty.")
  return texts, unit(np.stack(vectors))


def _parsed(line, place):
  """Returns (text, vector) of a line of JSON; messages name its `place`, the file and number."""
  try:
    item = json.loads(line)
    text = item["text"]
    vector_D = np.array(item["vector"], np.float64)
  except (ValueError, TypeError, KeyError, OverflowError) as error:
    raise InputError(f'{place}: not {{"text": ..., "vector": [...]}} ({error!r}).') from error
  # A vector of zeros has no direction, and a number that is not finite gives a norm that is not.
  if not isinstance(text, str) or vector_D.ndim != 1 or not 0 < np.linalg.norm(vector_D) < math.inf:
    raise InputError(_wrong_values(place))
  return text, vector_D


def _wrong_values(place):
  return (
    f"{place}: a text and a vector of finite numbers, as many as on the first line, are needed."
  )


def compare(encoder: SentenceEncoder, texts: Sequence[str], expected_ND: np.ndarray) -> str:
  """A line on how near an encoder's vectors come; raises InputError for more than LIMIT apart."""
  if encoder.dimension != expected_ND.shape[1]:
    raise InputError(
      f"The vectors to compare with have {expected_ND.shape[1]} numbers, the "
      f"model's {encoder.dimension}."
    )
  z_ND = encoder.encode(texts, normalize_embeddings=True)
  largest = float(np.abs(z_ND - expected_ND).max())
  smallest = float((z_ND * expected_ND).sum(1).min())
  report = f"{len(texts):,} texts, largest difference {largest:.1e}, smallest cosine {smallest:.7f}"
  if not largest <= LIMIT:  # NaN is not <= LIMIT.
    raise InputError(f"Other vectors than expected: {report}; {LIMIT:.0e} is allowed.")
  return report
