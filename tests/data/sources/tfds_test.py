import sys

import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.sources import Counts, Pair, read
from tests.support.tiny import write_dataset


def build(folder, features, examples):
  import tensorflow_datasets as tfds
  from tensorflow_datasets.core.sequential_writer import SequentialWriter

  builder = tfds.core.dataset_info.DatasetIdentity(
    name="tiny", version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name=""
  )
  info = tfds.core.DatasetInfo(builder=builder, features=features)
  writer = SequentialWriter(info, max_examples_per_shard=100, file_format="array_record")
  writer.initialize_splits(["test"])
  writer.add_examples({"test": examples})
  writer.close_all()
  return str(folder)


def read_all(path, **options):
  counts = Counts()
  return list(read([str(path)], counts=counts, **options)), counts


def test_a_translation_feature(tmp_path):
  import tensorflow_datasets as tfds

  features = tfds.features.Translation(languages=["en", "de", "fr"])
  path = build(tmp_path, features, [{"en": "one", "de": "eins", "fr": "un"}])
  assert read_all(path)[0] == [Pair("de", "en", "tiny", "eins", "one")]
  pairs, counts = read_all(path, source_language="en", target_language="fr")
  assert pairs == [Pair("en", "fr", "tiny", "one", "un")] and counts.rows == 1
  assert read_all(path, source_language="eng", target_language="fre")[0] == pairs
  pairs, counts = read_all(path, source_language="it")
  assert not pairs and counts.dropped["no such languages"] == 1


def test_a_translation_feature_of_varying_languages(tmp_path):
  import tensorflow_datasets as tfds

  feature = tfds.features.TranslationVariableLanguages(languages=["de", "en"])
  example = {"texts": {"en": ["one", "uno"], "de": "eins"}}
  path = build(tmp_path, tfds.features.FeaturesDict({"texts": feature}), [example])
  pairs, _ = read_all(path, source_language="en", target_language="de")
  assert [pair[:2] + pair[4:] for pair in pairs] == [("en", "de", "eins")]


def test_texts_named_source_and_target(tmp_path):
  pairs = [Pair("eng", "deu", "book", f"one {i}", f"eins {i}") for i in range(1001)]
  write_dataset(tmp_path / "d", pairs)
  read, counts = read_all(tmp_path / "d")
  assert read == pairs and counts.rows == 1001
  assert "tensorflow" not in sys.modules


def test_a_code_that_is_none_is_a_bad_row(tmp_path):
  import tensorflow_datasets as tfds

  names = ("source", "target", "target_language")
  features = tfds.features.FeaturesDict(dict.fromkeys(names, tfds.features.Text()))
  rows = [dict(zip(names, ("one", "eins", code), strict=True)) for code in ("DEU", "fuv2")]
  path = build(tmp_path, features, rows)
  pairs, counts = read_all(path)
  assert [pair[:2] for pair in pairs] == [("und", "DEU")] and (counts.rows, counts.bad) == (2, 1)
  assert counts.first_bad == [f"{path}:test:1: 'fuv2' is no language code of ISO 639."]


def test_what_is_no_such_dataset_is_told(tmp_path):
  import tensorflow_datasets as tfds

  path = build(
    tmp_path, tfds.features.FeaturesDict({"line": tfds.features.Text()}), [{"line": "a"}]
  )
  with pytest.raises(InputError, match=r"no translation feature .*\['line'\]"):
    read_all(path)
  with pytest.raises(InputError, match="no dataset_info.json"):
    read_all(tmp_path.parent, format="tfds")
  with pytest.raises(InputError, match="no TFDS dataset"):
    read_all("nonesuch_dataset", format="tfds")
