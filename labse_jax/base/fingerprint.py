"""Short hashes of what vectors are made of: a model folder, and the text of a dataset."""

import hashlib
import pathlib

PARTS, PART = 256, 4096  # Of a file whose fingerprint is of a sample, bytes each.


def model(folder):
  """A hash of everything in a model folder that its vectors depend on."""
  folder, kinds = pathlib.Path(folder), ("*.json", "*.safetensors", "*.model", "vocab.txt")
  return _of_files(folder, (path for kind in kinds for path in folder.rglob(kind)))


def dataset(folder):
  """A hash of a dataset's records and their languages, not of what is stored beside them."""
  folder, kinds = pathlib.Path(folder), ("*.array_record-*", "language_pairs.*")
  return _of_files(folder, (path for kind in kinds for path in folder.glob(kind)))


def dataset_sample(folder):
  """The same of at most a mebibyte of each file, spread evenly: for each start of a run."""
  folder, digest = pathlib.Path(folder), hashlib.blake2b(digest_size=8)
  digest.update((folder / "language_pairs.npy").read_bytes())
  for path in sorted(folder.glob("*.array_record-*")):
    size = path.stat().st_size
    digest.update(f"{path.name} {size}".encode())
    with open(path, "rb") as file:
      for part in range(PARTS):
        file.seek(part * size // PARTS)
        digest.update(file.read(min(PART, -(-size // PARTS))))
  return digest.hexdigest()


def _of_files(folder, paths):
  digest = hashlib.blake2b(digest_size=16)
  for path in sorted(paths):
    with open(path, "rb") as file:
      digest.update(str(path.relative_to(folder)).encode() + b"\0")
      digest.update(hashlib.file_digest(file, "blake2b").digest())
  return digest.hexdigest()
