"""The vectors of both texts, kept beside the output until it is written."""

import contextlib
import dataclasses
import pathlib
import shutil

import numpy as np

from labse_jax import model_folder
from labse_jax.base import files, interrupts
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.encoding.streaming import GOES_ON, encode_file
from labse_jax.mining.texts import SIDES

MARKER = "of.json"


@dataclasses.dataclass
class Encoding:
  """A model that was loaded, and what its vectors depend on.

  `model` is the folder that `encoder` was loaded from, with products in `dtype`; `prompt` is put
  before each line, and None stands for the folder's own.
  """

  encoder: SentenceEncoder
  model: str
  dtype: str
  prompt: str | None


def load_encoding(model, *, dtype, prompt):
  """Loads a model folder as an Encoding."""
  return Encoding(SentenceEncoder.load(model, dtype=dtype), model, dtype, prompt)


def folder_of(output):
  """The folder that holds the vectors while `output` is not written yet."""
  return pathlib.Path(f"{output}.vectors")


@contextlib.contextmanager
def vectors_beside(output, paths, texts, encoding, *, score_only):
  """Gives the unit vectors of two Texts, mapped into memory; removes them if the block ends well.

  `paths` are the files that the texts were read from, with blank lines if `score_only`. If a run of
  the same inputs and settings was killed, this one goes on with the vectors that it left beside
  `output`.
  """
  folder = folder_of(output)
  files.check_replaceable(folder, marker=MARKER)
  identity = {
    "model": model_folder.fingerprint_of(encoding.model),
    "precision": encoding.dtype,
    "prompt": encoding.prompt,
  }
  _begin(folder, identity | _inputs(paths) | {"score_only": score_only})
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
    yield maps
  shutil.rmtree(folder)


def _begin(folder, about):
  """Empties the folder, unless its vectors have the same inputs and settings."""
  if files.read_json(folder / MARKER, {}) == about:
    return
  with files.replacing_folder(folder, marker=MARKER) as partial:
    files.write_json(partial / MARKER, about)


def _inputs(paths):
  """What changes with each side's file: {side: [path, size, time]}."""
  about = {}
  for side, path in zip(SIDES, paths, strict=True):
    stat = pathlib.Path(path).stat()
    about[side] = [str(pathlib.Path(path).resolve()), stat.st_size, stat.st_mtime_ns]
  return about


def _write_lines(path, text):
  """Writes the distinct lines of a Text, unless a killed run did."""
  # Not written twice: encode_file starts over where the lines are younger than their vectors.
  if path.exists():
    return
  with files.replacing(path) as file:
    file.writelines(f"{line}\n" for line in text.lines)
