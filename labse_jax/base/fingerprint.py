"""Short hashes of what vectors are made of: a model folder, and the text of a dataset."""

from collections.abc import Iterable
import hashlib
import pathlib

from labse_jax.base.types import PathLike

# A sample of a file is so many parts of so many bytes, spread evenly.
PARTS = 256
PART = 4096


def model(folder: PathLike) -> str:
  """A hash of everything in a model folder that its vectors depend on."""
  return _of_files(pathlib.Path(folder), model_files(folder))


def model_files(folder: PathLike) -> list[pathlib.Path]:
  """The files in a model folder that its vectors depend on."""
  paths: list[pathlib.Path] = []
  for kind in ("*.json", "*.safetensors", "*.model", "vocab.txt"):
    paths += pathlib.Path(folder).rglob(kind)
  return paths


def dataset(folder: PathLike) -> str:
  """A hash of a dataset's records and their languages, not of what is stored beside them."""
  paths: list[pathlib.Path] = []
  for kind in ("*.array_record-*", "language_pairs.*"):
    paths += pathlib.Path(folder).glob(kind)
  return _of_files(pathlib.Path(folder), paths)


def dataset_sample(folder: PathLike) -> str:
  """The same of a sample, at most a mebibyte of each file: quick enough for each start of a run."""
  folder = pathlib.Path(folder)
  digest = hashlib.blake2b(digest_size=8)
  digest.update((folder / "language_pairs.npy").read_bytes())
  for path in sorted(folder.glob("*.array_record-*")):
    size = path.stat().st_size
    digest.update(f"{path.name} {size}".encode())
    with open(path, "rb") as file:
      for part in range(PARTS):
        file.seek(part * size // PARTS)
        digest.update(file.read(min(PART, -(-size // PARTS))))
  return digest.hexdigest()


def of_bytes(content: bytes) -> str:
  """A hash of what one file holds."""
  return hashlib.blake2b(content, digest_size=8).hexdigest()


def _of_files(folder: pathlib.Path, paths: Iterable[pathlib.Path]) -> str:
  digest = hashlib.blake2b(digest_size=16)
  for path in sorted(paths):
    with open(path, "rb") as file:
      digest.update(str(path.relative_to(folder)).encode() + b"\0")
      digest.update(hashlib.file_digest(file, "blake2b").digest())
  return digest.hexdigest()
