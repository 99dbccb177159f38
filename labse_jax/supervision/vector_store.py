"""A model's vectors of a dataset's pairs: computed once, stored beside it, read where they lie."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from labse_jax import model_folder
from labse_jax.base import console, files
from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.base.writing.lock import locked
from labse_jax.data.dataset import Dataset
from labse_jax.encoding.encode_functions import encode_once
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.supervision import manifest

SHARD = 8_192  # Pairs in a file: what is lost where the encoding is stopped.
SAMPLE = 50_000  # Pairs whose vectors make a projection.


class Store:
  """Unit vectors [N, 2, P] float16 of the sources and targets of N pairs, store[indices].

  They lie in DATASET/vectors/KEY. KEY is a hash of the model and the prompt; a prompt of None is
  the model's own. `compute` makes what is missing. Raises InputError where the manifest there says
  that the vectors are of another model, prompt or text.
  """

  def __init__(self, dataset: Dataset, model: PathLike, *, prompt: str | None = None) -> None:
    if dataset.monolingual:
      raise InputError(f"{dataset.folder}: has no translations; vectors are stored of pairs.")
    content = model_folder.describe(model)
    if prompt is None:
      prompt = content.prompt
    self.dataset = dataset
    self.model = model
    self.prompt = prompt
    self.width = content.vector_width
    self._about: dict[str, Any] = {
      "model": model_folder.fingerprint_of(model),
      "prompt": prompt,
      "data": dataset.fingerprint,
      "pairs": len(dataset),
      "width": self.width,
      "shard": SHARD,
    }
    name = manifest.folder_name([self._about["model"], prompt])
    self.folder = dataset.folder / "vectors" / name
    self._manifest = self._checked_manifest()
    self._shards: dict[int, np.ndarray] = {}  # Those that are open, by their numbers.

  def __len__(self) -> int:
    return len(self.dataset)

  def __getitem__(self, indices: ArrayLike) -> np.ndarray:
    indices = np.asarray(indices)
    shard_N, row_N = np.divmod(indices, SHARD)
    vectors_N2P = np.empty((len(indices), 2, self.width), np.float16)
    for number in np.unique(shard_N):
      here_N = shard_N == number
      vectors_N2P[here_N] = self._open(int(number))[row_N[here_N]]
    if not np.isfinite(vectors_N2P).all():
      raise InputError(
        f"{self.folder}: has a vector that is not finite; remove the folder to make them anew."
      )
    return vectors_N2P

  def missing(self) -> list[int]:
    """The numbers of the shards that are not there whole."""
    shards = -(-len(self) // SHARD)
    return [number for number in range(shards) if self._open(number) is None]

  def compute(self, *, precision: str | None = None) -> None:
    """Encodes the shards that are missing, one after the other; each is there whole or not at all.

    `precision` is the encoder's; None is float32, or what the shards there were made in. Raises
    InputError where another process is at it.
    """
    self._precision(precision)
    if not self.missing():
      return
    with locked(self.folder / ".lock", self.folder):
      self._manifest = self._checked_manifest()  # Another process may have begun since.
      self._compute_missing(self._precision(precision))

  def _precision(self, asked):
    """The encoder's precision: what is asked for, or what the shards there were made in."""
    begun = self._manifest.get("precision")
    if begun and asked not in (None, begun):
      raise InputError(
        f"{self.folder}: was begun in {begun}, {asked} is asked for; go on in "
        f"{begun}, or remove the folder."
      )
    return asked or begun or "float32"

  def _compute_missing(self, precision):
    missing = self.missing()
    encoder = SentenceEncoder.load(self.model, dtype=precision)
    if not self._manifest:
      # Before the first shard: what is there can then always be told apart.
      self._manifest = self._about | {"precision": precision, "folder": str(self.model)}
      files.write_json(self.folder / manifest.NAME, self._manifest)
    sentences = 2 * sum(len(self._indices(number)) for number in missing)
    cut = 0
    distinct = 0
    with console.progress(unit="sentences", total=sentences) as bar:
      for done, number in enumerate(missing, 1):
        with files.replacing(self._path(number), "wb") as file:
          vectors_N2P, shard_cut, shard_distinct = self._encode(encoder, number, bar)
          np.save(file, vectors_N2P)
        cut += shard_cut
        distinct += shard_distinct
        if bar.disable:  # Without a terminal lines take the bar's place.
          console.say(f"{self.folder}: {done} of {len(missing)} files.")
    encoder.say_cut(cut, distinct)

  def projection(self, width: int) -> np.ndarray:
    """The `width` axes along which the vectors are longest, [P, width] float32.

    The vectors are turned, but not centred first, so that the products of two of them stay as near
    as they can to what they were. The axes are computed from an even sample of at most 50,000
    pairs, and stored with the vectors.
    """
    path = self.folder / f"projection_{width}.npy"
    axes_PD = _opened(path, (self.width, width), np.float32)
    if axes_PD is None:
      sample = np.linspace(0, len(self) - 1, min(len(self), SAMPLE)).astype(int)
      parts = np.array_split(sample, -(-len(sample) // 1024))
      axes_PD = principal_axes((self[part].reshape(-1, self.width) for part in parts), width)
      if console.is_main():
        with files.replacing(path, "wb") as file:
          np.save(file, axes_PD)
    return np.asarray(axes_PD)

  def _checked_manifest(self):
    """What the manifest says, {} where nothing is stored yet."""
    if not any(self.folder.glob("*.npy")):
      return {}
    advice = "remove the folder to make the vectors anew."
    return manifest.read_checked(self.folder, self._about, advice)

  def _path(self, number):
    return self.folder / f"{number:05d}.npy"

  def _indices(self, number):
    return range(number * SHARD, min((number + 1) * SHARD, len(self)))

  def _open(self, number):
    """A shard, mapped into memory; None where it is not there whole."""
    if number not in self._shards:
      shape = (len(self._indices(number)), 2, self.width)
      shard = _opened(self._path(number), shape, np.float16)
      if shard is None:
        return None
      self._shards[number] = shard
    return self._shards[number]

  def _encode(self, encoder, number, bar):
    """Returns (vectors_N2P of a shard, how many distinct texts were cut, how many there are)."""
    texts = []
    for example in self.dataset.source.__getitems__(self._indices(number)):
      texts += [example["source"], example["target"]]
    vectors_NP, cut, distinct = encode_once(encoder, texts, self.prompt, bar)
    return vectors_NP.reshape(-1, 2, self.width), cut, distinct


def principal_axes(parts: Iterable[np.ndarray], width: int) -> np.ndarray:
  """The first eigenvectors of the sum of x x^T over the rows x_P of `parts`, as [P, width]."""
  moments_PP: np.ndarray = np.zeros(())
  for part_NP in parts:
    x_NP = part_NP.astype(np.float64)
    moments_PP = moments_PP + x_NP.T @ x_NP
  _, vectors_PP = np.linalg.eigh(moments_PP)
  longest_first_PP = vectors_PP[:, ::-1]  # eigh gives the largest eigenvalue last.
  return np.ascontiguousarray(longest_first_PP[:, :width], np.float32)


def _opened(path, shape, dtype):
  """An array on disk, mapped; None where it is not there, is cut short or is another."""
  try:
    array = np.load(path, mmap_mode="r")
  except (FileNotFoundError, ValueError, EOFError):
    return None
  return array if (array.shape, array.dtype) == (shape, dtype) else None
