"""TFDS datasets with a translation feature, or text features `source` and `target`."""

import pathlib

from labse_jax.base.errors import InputError
from labse_jax.data.sources import Pair

_BATCH = 1000  # Batched reads are thirty times faster than single ones.


def read(paths, *, counts, source_language=None, target_language=None):
  """Yields the Pairs of TFDS datasets, each a folder or a name, without TensorFlow.

  Of a translation feature the languages given are taken, else its first two. The split "train"
  is read, or every split where there is none.
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
    for split in ["train"] if "train" in splits else splits:
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
    yield from source.__getitems__(list(range(start, min(start + _BATCH, len(source)))))


def _pairs_of(path, features, source_language, target_language):
  """Returns example -> [Pair] for whichever of the known features the dataset has."""
  import tensorflow_datasets as tfds

  text = _text
  kinds = (tfds.features.Translation, tfds.features.TranslationVariableLanguages)
  found = [None] if isinstance(features, kinds) else []
  found += [key for key, feature in features.items() if isinstance(feature, kinds)]
  if found:
    key = found[0]

    def translations(example, *, origin):
      return _translation(
        example if key is None else example[key], origin, source_language, target_language
      )

    return translations
  if not {"source", "target"} <= set(features):
    raise InputError(
      f"{path}: has no translation feature and no texts `source` and `target`; "
      f"it has {sorted(features)}."
    )

  def texts(example, *, origin):
    return [
      Pair(
        text(example.get("source_language")) or source_language or "und",
        text(example.get("target_language")) or target_language or "und",
        text(example.get("origin")) or origin,
        text(example["source"]),
        text(example["target"]),
      )
    ]

  return texts


def _translation(texts, origin, source_language, target_language):
  if set(texts) == {"language", "translation"}:  # One list of languages, one of texts.
    texts = dict(zip(map(_text, texts["language"]), texts["translation"], strict=True))
  names = [name for name in texts if name not in (source_language, target_language)]
  source_language = source_language or (names.pop(0) if names else None)
  target_language = target_language or (names.pop(0) if names else None)
  if source_language not in texts or target_language not in texts:
    return []
  source, target = _text(texts[source_language]), _text(texts[target_language])
  return [Pair(source_language, target_language, origin, source, target)]


def _text(value):
  return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
