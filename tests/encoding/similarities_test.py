"""The four similarities, beside plain sums in float64 and beside sentence-transformers."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.encoding.similarities import of_all, of_pairs
from labse_jax.model_folder.prompts import SIMILARITIES
from tests.support.needs import need_torch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 7)).astype(np.float32)
Y = RNG.normal(size=(4, 7)).astype(np.float32)


def plainly(name, x_D, y_D):
  x_D, y_D = x_D.astype(float), y_D.astype(float)
  dot = sum(x_D * y_D)
  if name == "cosine":
    return dot / (sum(x_D**2) * sum(y_D**2)) ** 0.5
  if name == "euclidean":
    return -(sum((x_D - y_D) ** 2) ** 0.5)
  return dot if name == "dot" else -sum(abs(x_D - y_D))


@pytest.mark.parametrize("name", SIMILARITIES)
def test_each_with_each_and_row_by_row(name):
  expected = np.array([[plainly(name, x_D, y_D) for y_D in Y] for x_D in X])
  np.testing.assert_allclose(of_all(name, X, Y), expected, atol=1e-5)
  np.testing.assert_allclose(of_pairs(name, X[:4], Y), np.diag(expected), atol=1e-5)
  np.testing.assert_allclose(of_all(name, list(X), Y[0]), expected[:, :1], atol=1e-5)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_they_are_sentence_transformers_own(name):
  need_torch()
  from sentence_transformers.util import SimilarityFunction

  theirs = SimilarityFunction.to_similarity_fn(name)(X, Y)
  np.testing.assert_allclose(of_all(name, X, Y), theirs, atol=1e-5)
  theirs = SimilarityFunction.to_similarity_pairwise_fn(name)(X[:4], Y)
  np.testing.assert_allclose(of_pairs(name, X[:4], Y), theirs, atol=1e-5)


def test_the_type_is_at_least_float32():
  assert of_all("cosine", X.astype(np.float16), Y).dtype == np.float32
  assert of_all("dot", [[1, 2]], [[3, 4]]).tolist() == [[11]]
  assert of_all("cosine", X[:0], Y).shape == (0, 4)
  assert of_all("manhattan", X[:0], Y).shape == (0, 4)
  assert of_all("cosine", np.zeros((1, 7)), Y).tolist() == [[0] * 4]


def test_shapes_that_do_not_fit_are_said():
  with pytest.raises(InputError, match=r"one width D can be compared; got \(5, 7\) and \(4, 6\)"):
    of_all("cosine", X, Y[:, :6])
  with pytest.raises(InputError, match="row by row; got 5 and 4 rows"):
    of_pairs("cosine", X, Y)


class OnAnotherDevice:
  """A tensor that NumPy cannot read."""

  def __array__(self, *_, **__):
    raise TypeError("use Tensor.cpu() first")


@pytest.mark.parametrize(
  ("side", "message"),
  [
    ("a", r"got texts. Give it encoder.encode\(TEXTS\)"),
    (["a", "b"], "got texts"),
    (None, "Vectors of numbers can be compared; got NoneType"),
    (OnAnotherDevice(), r"A OnAnotherDevice is no array of vectors .use Tensor.cpu\(\) first"),
    ([[1.0], [1.0, 2.0]], "one width can be compared; got rows of several lengths"),
  ],
)
def test_what_is_no_vector_is_refused(side, message):
  for function in (of_all, of_pairs):
    with pytest.raises(InputError, match=message) as caught:
      function("cosine", side, side)
    assert "\n" not in str(caught.value)
