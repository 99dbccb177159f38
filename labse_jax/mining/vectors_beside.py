"""The vectors of both texts, kept beside the output until it is written."""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import hashlib
import pathlib
import shutil
from typing import Any

import numpy as np

from labse_jax import model_folder
from labse_jax.base import files, interrupts
from labse_jax.base.types import PathLike
from labse_jax.base.writing.lock import locked
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.encoding.streaming import GOES_ON, encode_file
from labse_jax.mining.texts import SIDES, Text

MARKER = "of.json"


@dataclasses.dataclass
class Encoding:
  """A model that was loaded, and what its vectors depend on.

  `model` is the folder that `encoder` was loaded from, with products in `dtype`; `prompt` is put
  before each line, and None stands for the folder's own.
  """

  encoder: SentenceEncoder
  model: PathLike
  dtype: str
  prompt: str | None


def load_encoding(model: PathLike, *, dtype: str, prompt: str | None) -> Encoding:
  """Loads a model folder as an Encoding."""
  return Encoding(SentenceEncoder.load(model, dtype=dtype), model, dtype, prompt)


def folder_of(output: PathLike) -> pathlib.Path:
  """The folder that holds the vectors while `output` is not written yet."""
  return pathlib.Path(f"{output}.vectors")


@contextlib.contextmanager
def vectors_beside(
  output: PathLike,
  texts: Sequence[Text],
  encoding: Encoding,
  *,
  score_only: bool,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Gives the unit vectors of two Texts, mapped into memory; removes them if the block ends well.

  With `score_only`, the texts were read with their blank lines. If a run of the same texts and
  settings was killed, this one goes on with the vectors that it left beside `output`. Raises
  InputError where another process mines into `output`.
  """
  own = pathlib.Path(f"{output}.vectors.lock")
  with (
    locked(own, output),
    _kept_vectors(folder_of(output), texts, encoding, score_only) as vectors,
  ):
    yield vectors


@contextlib.contextmanager
def _kept_vectors(folder, texts, encoding, score_only):
  files.check_replaceable(folder, marker=MARKER)
  identity = {
    "model": model_folder.fingerprint_of(encoding.model),
    "precision": encoding.dtype,
    "prompt": encoding.prompt,
  }
  hashes = {side: _hash(text) for side, text in zip(SIDES, texts, strict=True)}
  _begin(folder, identity | hashes | {"score_only": score_only})
  maps = []
  for side, text in zip(SIDES, texts, strict=True):
    lines = folder / f"{side}.txt"
    vectors = folder / f"{side}.npy"
    _write_lines(lines, text)
    # If it exists, it is whole: encode_file gathers the vectors under another name.
    if not vectors.exists():
      encode_file(encoding.encoder, lines, vectors, identity=identity, prompt=encoding.prompt)
    maps.append(np.load(vectors, mmap_mode="r"))
  with interrupts.kept(lambda: f"all vectors are kept. {GOES_ON}"):
    x_ND, y_MD = maps
    yield x_ND, y_MD
  shutil.rmtree(folder)


def _begin(folder: pathlib.Path, about: dict[str, Any]) -> None:
  """Empties the folder, unless its vectors have the same texts and settings."""
  if files.read_json(folder / MARKER, {}) == about:
    return
  with files.replacing_folder(folder, marker=MARKER) as partial:
    files.write_json(partial / MARKER, about)


def _hash(text: Text) -> str:
  """A hash of the distinct lines of a Text.

  The size and time of its file would not do: a file may change after it was read, and a pipe has
  another time at each run.
  """
  digest = hashlib.blake2b(digest_size=16)
  for line in text.lines:
    digest.update(f"{line}\n".encode())
  return digest.hexdigest()


def _write_lines(path: pathlib.Path, text: Text) -> None:
  """Writes the distinct lines of a Text, unless a killed run did."""
  # Not written twice: encode_file starts over where the lines are younger than their vectors.
  if path.exists():
    return
  with files.replacing(path) as file:
    file.writelines(f"{line}\n" for line in text.lines)
