"""Short hashes of what vectors are made of: a model folder, and the text of a dataset."""

import hashlib
import pathlib


def model(folder):
  """A hash of everything in a model folder that its vectors depend on."""
  folder, kinds = pathlib.Path(folder), ("*.json", "*.safetensors", "*.model", "vocab.txt")
  return _of_files(folder, (path for kind in kinds for path in folder.rglob(kind)))


def dataset(folder):
  """A hash of a dataset's records and their languages, not of what is stored beside them."""
  folder, kinds = pathlib.Path(folder), ("*.array_record-*", "language_pairs.*")
  return _of_files(folder, (path for kind in kinds for path in folder.glob(kind)))


def _of_files(folder, paths):
  digest = hashlib.blake2b(digest_size=16)
  for path in sorted(paths):
    with open(path, "rb") as file:
      digest.update(str(path.relative_to(folder)).encode() + b"\0")
      digest.update(hashlib.file_digest(file, "blake2b").digest())
  return digest.hexdigest()
