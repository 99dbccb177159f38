"""Each text of a suite is encoded once; its vector is looked up by the text."""

from collections.abc import Iterable, Mapping, Sequence
import itertools

import numpy as np

from labse_jax.base.types import Encode
from labse_jax.encoding.encode_functions import encode_distinct


def distinct(columns: Iterable[Iterable[str]]) -> list[str]:
  """The texts of all columns, each once, in the order in which they first come."""
  return list(dict.fromkeys(itertools.chain.from_iterable(columns)))


def columns_of(pairs: Mapping[str, Iterable[Sequence[str]]]) -> list[Sequence[str]]:
  """The columns of {language: columns}, one language after the other."""
  return list(itertools.chain.from_iterable(pairs.values()))


def vectors_by_text(texts: Sequence[str], encode: Encode) -> Encode:
  """Encodes each distinct text once; returns a function from N of them to vectors [N, D].

  Raises InputError for a vector that is not finite.
  """
  row_of, vectors_ND = encode_distinct([[texts]], encode)

  def vectors_of(asked: Sequence[str]) -> np.ndarray:
    return vectors_ND[[row_of[text] for text in asked]]

  return vectors_of
