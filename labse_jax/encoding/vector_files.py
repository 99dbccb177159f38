"""Vectors that were made before, NAME.npy beside its texts, in the place of a model."""

from collections.abc import Sequence
import pathlib
import zipfile

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import COMPRESSIONS, read_lines, replacing
from labse_jax.base.types import Encode, PathLike
from labse_jax.neighbours.unit_vectors import unit

ENDING = ".npy"


def is_stored(model: PathLike) -> bool:
  """Whether a --model is a file of vectors and not a folder."""
  return str(model).endswith(ENDING)


def check_output(path: PathLike, source: PathLike) -> None:
  """Raises InputError where the vectors of `source` cannot be written to `path`.

  Another ending than .npy is refused: it is more likely a file of sentences, given by mistake.
  """
  path = pathlib.Path(path)
  source = pathlib.Path(source)
  if path.is_dir():
    raise InputError(f"{path}: is a folder; --output names a .npy file.")
  if source.exists() and path.exists() and source.samefile(path):
    raise InputError(f"{path}: is the input; name another file for the vectors.")
  if not is_stored(path):
    raise InputError(f"{path}: vectors are written to a .npy file; name it {path}{ENDING}.")


def texts_beside(path: PathLike) -> pathlib.Path:
  """The file, perhaps compressed, whose line N is the text of row N of the .npy file `path`.

  For NAME.npy it is NAME.txt or else NAME. Raises InputError where there is no such file.
  """
  path = pathlib.Path(path)
  if not path.exists():
    raise InputError(f"{path}: no such file.")
  names = (path.with_suffix(".txt"), path.with_suffix(""))
  for texts in names:
    for ending in ("", *COMPRESSIONS):
      file = texts.with_name(texts.name + ending)
      if file.is_file():
        return file
  first, second = names
  raise InputError(
    f"{first}: no such file, and no {second}; line N is needed in one of them as the text of row N "
    f"of {path}."
  )


def load_encode(path: PathLike) -> Encode:
  """A function from sentences to unit vectors, float32 [N, D], that looks them up.

  Row N of the .npy file, of float16 or float32, is the vector of line N of its texts. Raises
  InputError where the two do not fit, a number is not finite, or a text that is asked for has none.
  """
  texts, vectors_ND = _texts_and_vectors(path)
  # A text that stands twice has the vector of its last line.
  row_of = {text: row for row, text in enumerate(texts)}

  def encode(asked):
    missing = [text for text in asked if text not in row_of]
    if missing:
      raise InputError(
        f"{path}: {len(missing):,} of the {len(asked):,} texts have no vector, such as"
        f" {missing[0]!r}; --write-texts writes those that are needed."
      )
    rows = [row_of[text] for text in asked]
    return unit(np.asarray(vectors_ND[rows], np.float32))

  return encode


def rows_of(path: PathLike, numbers: Sequence[int]) -> np.ndarray:
  """The unit vectors, float32 [N, D], of the N lines that have these numbers, from 1.

  Raises InputError for what `load_encode` does.
  """
  _, vectors_ND = _texts_and_vectors(path)
  return unit(np.asarray(vectors_ND[np.array(numbers) - 1], np.float32))


def _texts_and_vectors(path):
  """The lines of the texts beside it, and the array of the .npy file, of as many rows."""
  path = pathlib.Path(path)
  vectors_ND = _read(path)
  texts_file = texts_beside(path)
  texts = [line for _, line in read_lines(texts_file)]
  if len(texts) != len(vectors_ND):
    raise InputError(
      f"{path} has {len(vectors_ND):,} rows and {texts_file} {len(texts):,} lines;"
      " row N must be the vector of line N."
    )
  return texts, vectors_ND


def _read(path):
  """The array of a .npy file, mapped from the disk."""
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


def write_texts(path: PathLike, texts: Sequence[str]) -> int:
  """Writes texts one a line, for another system to encode; returns how many there are.

  Raises InputError for a text that has a line break.
  """
  broken = [text for text in texts if "\n" in text]
  if broken:
    raise InputError(f"{path}: {broken[0]!r} has a line break and cannot stand on a line.")
  with replacing(path) as file:
    for text in texts:
      file.write(f"{text}\n")
  return len(texts)
