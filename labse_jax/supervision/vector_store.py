"""A model's vectors of a dataset's pairs: computed once, stored beside it, read where they lie."""

import hashlib
import json
import sys

import numpy as np
from tqdm import tqdm

from labse_jax import model_folder
from labse_jax.base import files, fingerprint
from labse_jax.base.console import is_main, say
from labse_jax.base.errors import InputError
from labse_jax.encoding import sentence_encoder
from labse_jax.encoding.encode_functions import encode_once

SHARD = 8_192  # Pairs in a file: what is lost where the encoding is stopped.
SAMPLE = 50_000  # Pairs whose vectors make a projection.
OTHERS = {
  "model": "of another model",
  "prompt": "with another prompt",
  "data": "of another text",
  "pairs": "of another number of pairs",
  "width": "of another width",
  "shard": "in files of another size",
}


class Store:
  """Unit vectors [N, 2, P] float16 of the sources and targets of N pairs, store[indices].

  They lie in DATASET/vectors/KEY, KEY being a hash of the model and the prompt (the model's own
  default if None). `compute` makes what is missing. Raises InputError where the manifest there
  says that they are of another model, prompt or text.
  """

  def __init__(self, dataset, model, *, prompt=None):
    if dataset.monolingual:
      raise InputError(f"{dataset.folder}: has no translations; vectors are stored of pairs.")
    content = model_folder.describe(model)
    if prompt is None:
      prompt = content.prompt
    self.dataset, self.model, self.prompt = dataset, model, prompt
    self.width = width(content)
    self._about = {
      "model": fingerprint.model(model),
      "prompt": prompt,
      "data": fingerprint.dataset(dataset.folder),
      "pairs": len(dataset),
      "width": self.width,
      "shard": SHARD,
    }
    key = hashlib.blake2b(json.dumps([self._about["model"], prompt]).encode(), digest_size=8)
    self.folder = dataset.folder / "vectors" / key.hexdigest()
    self._manifest = self._checked_manifest()
    self._shards = {}

  def __len__(self):
    return len(self.dataset)

  def __getitem__(self, indices):
    indices = np.asarray(indices)
    shard_N, row_N = np.divmod(indices, SHARD)
    vectors_N2P = np.empty((len(indices), 2, self.width), np.float16)
    for number in np.unique(shard_N):
      here_N = shard_N == number
      vectors_N2P[here_N] = self._open(int(number))[row_N[here_N]]
    return vectors_N2P

  def missing(self):
    """The numbers of the shards that are not there whole."""
    return [n for n in range(-(-len(self) // SHARD)) if self._open(n) is None]

  def compute(self, *, precision=None):
    """Encodes the shards that are missing, one after the other; each is there whole or not at all.

    `precision` is the encoder's; None is float32, or what the shards there were made in.
    """
    begun = self._manifest.get("precision")
    if begun and precision not in (None, begun):
      raise InputError(
        f"{self.folder}: was begun in {begun}, {precision} is asked for; go on in "
        f"{begun}, or remove the folder."
      )
    missing, precision = self.missing(), precision or begun or "float32"
    if not missing:
      return
    encoder = sentence_encoder.SentenceEncoder.load(self.model, precision=precision)
    if not begun:
      self._manifest = self._about | {"precision": precision, "folder": str(self.model)}
      with files.replacing(self.folder / "manifest.json") as file:
        json.dump(self._manifest, file, indent=2)
    count = 2 * sum(len(self._indices(n)) for n in missing)
    counts, terminal = [], sys.stderr.isatty()
    with tqdm(total=count, unit=" sentences", disable=not terminal) as bar:
      for done, number in enumerate(missing, 1):
        with files.replacing(self._path(number), "wb") as file:
          vectors_N2P, *counted = self._encode(encoder, number, bar)
          np.save(file, vectors_N2P)
        counts.append(counted)
        if not terminal:
          say(f"{self.folder}: {done} of {len(missing)} files.")
    encoder.say_cut(*np.sum(counts, axis=0))

  def projection(self, width):
    """[P, width] float32: the axes along which the vectors are longest; they turn, nothing is taken
    away first, so that products of two vectors stay what they were as nearly as they can.

    Computed from an even sample of at most 50,000 pairs, and stored with the vectors.
    """
    path = self.folder / f"projection_{width}.npy"
    axes_PD = _opened(path, (self.width, width), np.float32)
    if axes_PD is None:
      sample = np.linspace(0, len(self) - 1, min(len(self), SAMPLE)).astype(int)
      parts = np.array_split(sample, -(-len(sample) // 1024))
      axes_PD = principal_axes((self[part].reshape(-1, self.width) for part in parts), width)
      if is_main():
        with files.replacing(path, "wb") as file:
          np.save(file, axes_PD)
    return np.asarray(axes_PD)

  def _checked_manifest(self):
    """What the manifest says, {} where nothing is stored yet."""
    if not any(self.folder.glob("*.npy")):
      return {}
    manifest = files.read_json(self.folder / "manifest.json")
    for name, wanted in self._about.items():
      found = manifest.get(name)
      if found != wanted:
        raise InputError(
          f"{self.folder}: holds vectors {OTHERS[name]}: in its manifest.json {name} is "
          f"{found!r}, not {wanted!r}; remove the folder to make them anew."
        )
    return manifest

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
    """(vectors_N2P of a shard, its distinct texts that were cut, its distinct texts)."""
    examples = self.dataset.source.__getitems__(self._indices(number))
    texts = [example[side] for example in examples for side in ("source", "target")]
    vectors_NP, cut, distinct = encode_once(encoder, texts, self.prompt, bar)
    return vectors_NP.reshape(-1, 2, self.width), cut, distinct


def principal_axes(parts, width):
  """The first eigenvectors of the sum of x x^T over the rows x_P of `parts`, as [P, width]."""
  moments_PP = sum(x.T @ x for x in (part.astype(np.float64) for part in parts))
  axes_PD = np.linalg.eigh(moments_PP)[1][:, ::-1][:, :width]
  return np.ascontiguousarray(axes_PD, np.float32)


def width(content):
  """The length of the vectors of a ModelFolder."""
  return content.head.get("dense") or content.model["width"]


def _opened(path, shape, dtype):
  """An array on disk, mapped; None where it is not there, is cut short or is another."""
  try:
    array = np.load(path, mmap_mode="r")
  except (FileNotFoundError, ValueError, EOFError):
    return None
  return array if (array.shape, array.dtype) == (shape, dtype) else None
