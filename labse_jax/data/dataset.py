"""Pairs, or documents, on disk: a TFDS dataset in ArrayRecord, without TensorFlow."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
import contextlib
import errno
import functools
import os
import pathlib
from typing import Any

import numpy as np

from labse_jax.base import fingerprint
from labse_jax.base.errors import InputError
from labse_jax.base.files import read_json, write_json
from labse_jax.base.types import PathLike
from labse_jax.data.languages import check_code
from labse_jax.data.sources import ENDINGS, ORDER_OF_COLUMNS, Pair

SHARD_EXAMPLES = 1_000_000
MOST_LANGUAGE_PAIRS = 1 << 16  # As many as a uint16 numbers.
FILES = ("dataset_info.json", "features.json", "language_pairs.npy", "language_pairs.json")
TEXT_ENDINGS = {".txt", *ENDINGS}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def fill_dataset(folder: PathLike, pairs: Iterable[Pair]) -> int:
  """Writes Pairs, in their order, into an empty folder; returns their number.

  Either all or none of them have a target.
  """
  writer = _Writer(pathlib.Path(folder))
  names: dict[str, int] = {}  # {pair of languages: its number}
  numbers = array("H")
  monolingual = None
  for pair in pairs:
    name = language_name(pair)
    if monolingual not in (None, is_document(pair)):
      raise InputError(f"{folder}: text of one language and translations need a dataset each.")
    if name not in names:
      monolingual = is_document(pair)
      _check_name(pair, names)
    numbers.append(names.setdefault(name, len(names)))
    writer.write(_example(pair))
  if not numbers:
    raise InputError(f"{folder}: there is no pair to write.")
  writer.finish()
  np.save(writer.folder / "language_pairs.npy", np.frombuffer(numbers, np.uint16))
  write_json(writer.folder / "language_pairs.json", list(names), indent=None)
  return len(numbers)


def _check_name(pair: Pair, names: dict[str, int]) -> None:
  """Raises InputError where a new pair of languages cannot join the `names`."""
  check_code(pair.source_language)
  if not is_document(pair):
    check_code(pair.target_language)
  if len(names) == MOST_LANGUAGE_PAIRS:
    raise InputError(f"More than {len(names):,} pairs of languages; are the columns right?")


def is_document(pair: Pair) -> bool:
  """Whether a Pair is text of one language."""
  return not (pair.target or pair.target_language)


def language_name(pair: Pair) -> str:
  """The pair of languages of a Pair, as "eng-deu"; the one language of a document, as "eng"."""
  if is_document(pair):
    return pair.source_language
  return f"{pair.source_language}-{pair.target_language}"


def open_dataset(folder: PathLike) -> "Dataset":
  """Opens a dataset folder; raises InputError if the folder is not one."""
  check_folder(folder)
  return Dataset(folder)


def check_folder(folder: PathLike) -> None:
  """Raises InputError where a path is no dataset folder; says what it is, and what makes one."""
  folder = pathlib.Path(folder)
  if folder.is_file():
    raise InputError(
      f"{folder}: is a file, and a dataset folder is needed. First run "
      f"{_prepare(folder)}, then give DIR."
    )
  missing = [name for name in FILES if not (folder / name).is_file()]
  if missing:
    what = f"no {missing[0]}" if folder.is_dir() else "there is no such folder"
    raise InputError(f"{folder}: not a dataset folder ({what}); {_advice(folder)}")


def _advice(folder):
  """What to do about a folder that is no dataset: by what is in it."""
  entries = sorted(folder.iterdir()) if folder.is_dir() else []
  for entry in entries:
    if (entry / FILES[0]).is_file():
      return f"did you mean {entry}?"
  for entry in entries:
    if TEXT_ENDINGS & {*entry.suffixes} and entry.is_file():
      return f"it holds text, such as {entry.name}: first run {_prepare(entry)}, then give DIR."
  return "`labse-jax prepare` makes one."


def _prepare(path):
  """The command that makes a dataset of a file."""
  return (
    f"`labse-jax prepare --input {path} --source-language CODE --target-language CODE --output DIR`"
  )


class Dataset:
  """Pairs on disk: `source` gives them by index, `indices_by_language` groups the indices.

  In a `monolingual` one every record is a document: lines of one language, and no target.
  """

  def __init__(self, folder: PathLike) -> None:
    import tensorflow_datasets as tfds

    self.folder = pathlib.Path(folder)
    builder = tfds.builder_from_directory(self.folder)
    # TFDS decodes by the general rules of its features, at three times the cost of the records.
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    self.source = TextSource(builder.as_data_source(split="train", deserialize_method=raw))
    self.language_numbers = np.load(self.folder / "language_pairs.npy")
    self.language_pairs = read_json(self.folder / "language_pairs.json", kind=list)
    if len(self.source) != len(self.language_numbers):
      raise InputError(
        f"{self.folder}: damaged: {len(self.source):,} pairs, but language_pairs.npy has "
        f"{len(self.language_numbers):,}; prepare it again."
      )

  def __len__(self) -> int:
    return len(self.source)

  @functools.cached_property
  def monolingual(self) -> bool:
    """Whether its records are documents of one language each, not pairs."""
    if not len(self):
      return False
    return is_document(Pair(**self.source[0]))  # The first speaks for all.

  @functools.cached_property
  def fingerprint(self) -> str:
    """A hash of its records and their languages; all of them are read, once."""
    return fingerprint.dataset(self.folder)

  @functools.cached_property
  def indices_by_language(self) -> dict[str, np.ndarray]:
    """{"eng-deu": the indices of its examples, ascending, int64}; "eng" for documents."""
    order = np.argsort(self.language_numbers, kind="stable").astype(np.int64)
    counts = np.bincount(self.language_numbers, minlength=len(self.language_pairs))
    groups = np.split(order, np.cumsum(counts)[:-1])
    return dict(zip(self.language_pairs, groups, strict=True))


class TextSource:
  """Random access to examples, {name: text}, of a TFDS data source of serialised ones."""

  def __init__(self, source: Any) -> None:
    from tensorflow_datasets.proto import tf_example_pb2

    self._source = source
    self._parse = tf_example_pb2.Example.FromString

  def __len__(self) -> int:
    return len(self._source)

  def __getitem__(self, index: int) -> dict[str, str]:
    return self.__getitems__([index])[0]

  def __getitems__(self, indices: Sequence[int]) -> list[dict[str, str]]:
    records = self._source.__getitems__([int(index) for index in indices])
    return [_decoded(self._parse(record)) for record in records]


def _decoded(example):
  """{name: text} of a tf.train.Example whose features are one text each."""
  feature = example.features.feature
  return {name: feature[name].bytes_list.value[0].decode() for name in feature}


class _Writer:
  """Writes serialised examples to ArrayRecord shards, then what TFDS needs to open them."""

  def __init__(self, folder: pathlib.Path) -> None:
    self.folder = folder
    self.lengths: list[int] = []  # How many examples each shard has.
    self.bytes = 0
    self.shard: Any = None  # An ArrayRecordWriter, once there is a record.

  def write(self, record: bytes) -> None:
    if self.shard is None or self.lengths[-1] == SHARD_EXAMPLES:
      self._open_shard()
    with _system_errors(self.folder):
      self.shard.write(record)
    self.lengths[-1] += 1
    self.bytes += len(record)

  def _open_shard(self):
    from array_record.python.array_record_module import ArrayRecordWriter

    self._close_shard()
    path = self.folder / f"pairs-train.array_record-{len(self.lengths):05d}"
    self.shard = ArrayRecordWriter(str(path), "group_size:1")  # Random access, one by one.
    self.lengths.append(0)

  def _close_shard(self):
    if self.shard:
      with _system_errors(self.folder):
        self.shard.close()

  def finish(self) -> None:
    import tensorflow_datasets as tfds

    self._close_shard()
    info = tfds.core.DatasetInfo(
      builder=tfds.core.dataset_info.DatasetIdentity(
        name="pairs", version=tfds.core.Version("1.0.0"), data_dir=self.folder, module_name=""
      ),
      features=tfds.features.FeaturesDict(
        {name: tfds.features.Text() for name in ORDER_OF_COLUMNS}
      ),
      disable_shuffling=True,
    )
    info.set_file_format("array_record")
    template = tfds.core.ShardedFileTemplate(
      dataset_name="pairs",
      data_dir=self.folder,
      split="train",
      filetype_suffix="array_record",
      template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}",
    )
    split = tfds.core.SplitInfo(
      name="train",
      shard_lengths=self.lengths,
      num_bytes=self.bytes,
      filename_template=template,
    )
    info.set_splits(tfds.core.SplitDict([split]))
    info.write_to_directory(self.folder)


@contextlib.contextmanager
def _system_errors(folder: pathlib.Path) -> Iterator[None]:
  # ArrayRecord tells of a full disk by a RuntimeError.
  try:
    yield
  except RuntimeError as error:
    for code in FULL:
      if os.strerror(code) in str(error):
        raise OSError(code, os.strerror(code), str(folder)) from error
    raise


def _example(pair: Pair) -> bytes:
  """A Pair as a serialised tf.train.Example, which is a protocol buffer.

  It is spelled out here because TFDS's own serialiser takes 0.6 ms for each.
  """
  features = _labels(*pair[:-2]) + _feature("source", pair.source)
  features += _feature("target", pair.target)
  return _head(1, len(features)) + features


@functools.lru_cache(maxsize=1 << 12)
def _labels(*texts):
  """The features before the two texts, which many records have alike."""
  return b"".join(map(_feature, ORDER_OF_COLUMNS, texts))


def _feature(name, text):
  text = text.encode()
  return _before_text(name, len(text)) + text


@functools.lru_cache(maxsize=1 << 14)
def _before_text(name, size):
  """The bytes of a feature before its text, which is the last of it at every level."""
  bytes_list = _head(1, size)
  value = _head(1, len(bytes_list) + size) + bytes_list
  key = name.encode()
  entry = _head(1, len(key)) + key + _head(2, len(value) + size) + value
  return _head(1, len(entry) + size) + entry


def _head(number, size):
  """What a field has before its payload: its number and the size, a varint with low bits first."""
  head = [number << 3 | 2]
  while size > 127:
    head.append(size & 127 | 128)
    size >>= 7
  head.append(size)
  return bytes(head)
