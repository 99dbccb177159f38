"""TFDS datasets with a translation feature, or text features `source` and `target`."""

from collections.abc import Iterable, Iterator
import pathlib

from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.data.sources import Counts, Pair, two_languages

_BATCH = 1000  # Batched reads are thirty times faster than single ones.


def read(
  paths: Iterable[PathLike],
  *,
  counts: Counts,
  source_language: str | None = None,
  target_language: str | None = None,
) -> Iterator[Pair]:
  """Yields the Pairs of TFDS datasets, each a folder or a name, without TensorFlow.

  From a translation feature it takes the languages given, or else the first two. It reads the
  split "train", or every split where there is no "train".
  """
  for path in paths:
    builder = _builder(path)
    pairs_of = _pairs_of(path, builder.info.features, source_language, target_language)
    splits = sorted(builder.info.splits)
    if not splits:
      raise InputError(
        f"{path}: this TFDS dataset is not on this machine yet: "
        f"tfds build {path} --file_format=array_record"
      )
    if "train" in splits:
      splits = ["train"]
    for split in splits:
      for example in _examples(path, builder, split):
        counts.rows += 1
        pairs = pairs_of(example, origin=builder.name)
        if not pairs:
          counts.dropped["no such languages"] += 1
        yield from pairs


def _builder(path):
  import tensorflow_datasets as tfds

  folder = pathlib.Path(path)
  if folder.is_dir() and not (folder / "dataset_info.json").exists():
    raise InputError(f"{path}: not a TFDS dataset (no dataset_info.json).")
  try:
    if folder.is_dir():
      return tfds.builder_from_directory(folder)
    return tfds.builder(str(path), file_format="array_record")
  except (tfds.core.DatasetNotFoundError, ImportError, ValueError) as error:
    reason = str(error).strip().partition("\n")[0]
    raise InputError(f"{path}: no TFDS dataset of this folder or name ({reason}).") from error


def _examples(path, builder, split):
  try:
    source = builder.as_data_source(split=split)
  except (AttributeError, NotImplementedError, ValueError, OSError, ImportError) as error:
    raise InputError(
      f"{path}: cannot be read without TensorFlow; store it as ArrayRecord first: "
      f"tfds build {builder.name} --file_format=array_record."
    ) from error
  for start in range(0, len(source), _BATCH):
    stop = min(start + _BATCH, len(source))
    yield from source.__getitems__(list(range(start, stop)))


def _pairs_of(path, features, source_language, target_language):
  """Returns pairs_of(example, origin) -> [Pair] for the features that the dataset has."""
  import tensorflow_datasets as tfds

  kinds = (tfds.features.Translation, tfds.features.TranslationVariableLanguages)

  def of_translation(texts, *, origin):
    return _translation(texts, origin, source_language, target_language)

  if isinstance(features, kinds):  # The example itself is the translation.
    return of_translation

  names = [name for name, feature in features.items() if isinstance(feature, kinds)]

  def of_feature(example, *, origin):
    return of_translation(example[names[0]], origin=origin)

  if names:
    return of_feature

  if not {"source", "target"} <= set(features):
    raise InputError(
      f"{path}: has no translation feature and no texts `source` and `target`; "
      f"it has {sorted(features)}."
    )

  def of_texts(example, *, origin):
    pair = Pair(
      _text(example.get("source_language")) or source_language or "und",
      _text(example.get("target_language")) or target_language or "und",
      _text(example.get("origin")) or origin,
      _text(example["source"]),
      _text(example["target"]),
    )
    return [pair]

  return of_texts


def _translation(texts, origin, source_language, target_language):
  if set(texts) == {"language", "translation"}:  # One list of languages, one of texts.
    texts = dict(zip(map(_text, texts["language"]), texts["translation"], strict=True))
  source_language, target_language = two_languages(texts, source_language, target_language)
  if source_language not in texts or target_language not in texts:
    return []
  source = _text(texts[source_language])
  target = _text(texts[target_language])
  return [Pair(source_language, target_language, origin, source, target)]


def _text(value: bytes | str | None) -> str:
  if isinstance(value, bytes):
    return value.decode("utf-8", "replace")
  return value or ""
