"""Vectors that another system made, NAME.npy beside NAME.txt, in the place of a model."""

import pathlib
import zipfile

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines, replacing

WIDTH = 8  # Of the vectors that stand for a model where only the texts are wanted.


def is_stored(model):
  """Whether what stands for a model is a file of vectors."""
  return str(model).endswith(".npy")


def load_encode(path):
  """A function from a list of sentences to unit vectors, float32 [N, D], that looks them up.

  Row N of the .npy file, of float16 or float32, is the vector of line N of the .txt file. Raises
  InputError where the two do not fit, a number is not finite, or a text that is asked for has none.
  """
  path = pathlib.Path(path)
  vectors_ND, texts_file = _read(path), path.with_suffix(".txt")
  texts = [line for _, line in read_lines(texts_file)]
  if len(texts) != len(vectors_ND):
    raise InputError(
      f"{path} has {len(vectors_ND):,} rows and {texts_file} {len(texts):,} lines;"
      " row N must be the vector of line N."
    )
  row_of = {text: row for row, text in enumerate(texts)}

  def encode(asked):
    missing = [text for text in asked if text not in row_of]
    if missing:
      raise InputError(
        f"{path}: {len(missing):,} of the {len(asked):,} texts have no vector, such as"
        f" {missing[0]!r}; --write-texts writes those that are needed."
      )
    x_ND = np.asarray(vectors_ND[[row_of[text] for text in asked]], np.float32)
    return x_ND / np.maximum(np.linalg.norm(x_ND, axis=1, keepdims=True), 1e-12)

  return encode


def _read(path):
  try:
    vectors_ND = np.load(path, mmap_mode="r", allow_pickle=False)
  except FileNotFoundError:
    raise InputError(f"{path}: no such file.") from None
  except (ValueError, EOFError, zipfile.BadZipFile) as error:
    raise InputError(f"{path}: cannot be read as a .npy file ({error}).") from error
  if not isinstance(vectors_ND, np.ndarray):
    raise InputError(f"{path}: is an archive of arrays (.npz); one array of a .npy file is needed.")
  if vectors_ND.ndim != 2 or vectors_ND.dtype not in (np.float16, np.float32):
    raise InputError(
      f"{path}: holds {vectors_ND.dtype} of shape {list(vectors_ND.shape)}; float16"
      " or float32 of shape [N, D] are allowed."
    )
  finite_N = np.isfinite(vectors_ND).all(axis=1)
  if not finite_N.all():
    raise InputError(f"{path}: row {int(np.argmin(finite_N)) + 1} (from 1) is not finite.")
  return vectors_ND


def write_texts(path, evaluator):
  """Writes the distinct texts that an evaluator asks for, one a line; returns how many."""
  texts = asked_by(evaluator)
  broken = [text for text in texts if "\n" in text]
  if broken:
    raise InputError(f"{path}: {broken[0]!r} has a line break and cannot stand on a line.")
  with replacing(path) as file:
    file.writelines(f"{text}\n" for text in texts)
  return len(texts)


def asked_by(evaluator):
  """The distinct texts that an evaluator asks for, in order.

  One whose run takes long says them itself, as `texts()`; another is run on random vectors.
  """
  if hasattr(evaluator, "texts"):
    return list(dict.fromkeys(evaluator.texts()))
  asked, rng = {}, np.random.default_rng(0)

  def encode(texts):
    asked.update(dict.fromkeys(texts))
    x_ND = rng.normal(size=(len(texts), WIDTH)).astype(np.float32)
    return x_ND / np.linalg.norm(x_ND, axis=1, keepdims=True)

  evaluator.run(encode)
  return list(asked)
