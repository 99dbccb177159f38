"""How near vectors are to each other: the four similarities of sentence-transformers, in NumPy.

A distance is given with a minus sign, so that more always means nearer.
"""

import numpy as np
from numpy.typing import ArrayLike

from labse_jax.base.errors import InputError
from labse_jax.neighbours.unit_vectors import unit


def of_all(name: str, x: ArrayLike, y: ArrayLike) -> np.ndarray:
  """The similarity `name` of each row of x [N, D] with each row of y [M, D]: [N, M]."""
  x_ND, y_MD = _comparable(x, y)
  if name == "cosine":
    return unit(x_ND) @ unit(y_MD).T
  if name == "dot":
    return x_ND @ y_MD.T
  # Row by row: all differences together would be N x M x D numbers.
  similarity_NM = np.empty((len(x_ND), len(y_MD)), np.result_type(x_ND, y_MD))
  for row, x_D in enumerate(x_ND):
    similarity_NM[row] = -_distance(name, x_D, y_MD)
  return similarity_NM


def of_pairs(name: str, x: ArrayLike, y: ArrayLike) -> np.ndarray:
  """The similarity `name` of each row of x [N, D] with the same row of y [N, D]: [N]."""
  x_ND, y_ND = _comparable(x, y)
  if len(x_ND) != len(y_ND):
    raise InputError(
      f"similarity_pairwise compares row by row; got {len(x_ND):,} and {len(y_ND):,} rows. "
      "similarity compares each with each."
    )
  if name == "cosine":
    return (unit(x_ND) * unit(y_ND)).sum(1)
  if name == "dot":
    return (x_ND * y_ND).sum(1)
  return -_distance(name, x_ND, y_ND)


def _distance(name, x_ND, y_ND):
  difference_ND = x_ND - y_ND
  if name == "euclidean":
    return np.linalg.norm(difference_ND, axis=-1)
  return np.abs(difference_ND).sum(-1)  # "manhattan"


def _comparable(*sides):
  """Both sides as matrices of at least float32; a vector becomes a row."""
  arrays = []
  for side in sides:
    array = np.atleast_2d(_numbers(side))
    arrays.append(array.astype(np.result_type(array, np.float32), copy=False))
  shapes = " and ".join(str(array.shape) for array in arrays)
  if any(array.ndim != 2 for array in arrays) or arrays[0].shape[1] != arrays[1].shape[1]:
    raise InputError(f"Vectors [N, D] of one width D can be compared; got {shapes}.")
  return arrays


def _numbers(side):
  """What is compared as an array of numbers; raises InputError for texts, and for uneven rows."""
  try:
    array = np.asarray(side)
  except ValueError:
    raise InputError("Vectors of one width can be compared; got rows of several lengths.") from None
  except TypeError as error:  # A tensor on a GPU says what to do.
    raise InputError(f"A {type(side).__name__} is no array of vectors ({error}).") from error
  if array.dtype.kind in "US":
    raise InputError("similarity compares vectors; got texts. Give it encoder.encode(TEXTS).")
  if array.dtype.kind in "OMm":
    raise InputError(f"Vectors of numbers can be compared; got {type(side).__name__}.")
  return array
