"""Datasets that would have TFDS run code of theirs: each attack runs it where nothing checks."""

import json

import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.dataset import open_dataset
from labse_jax.data.sources import Counts, Pair, read
from labse_jax.data.tfds_folders import check_features, open_folder
from tests.support.tiny import write_dataset

TEXT = "tensorflow_datasets.core.features.text_feature.Text"
DICT = "tensorflow_datasets.core.features.features_dict.FeaturesDict"
SEQUENCE = "tensorflow_datasets.core.features.sequence_feature.Sequence"


def of_json(text):
  return {"pythonClassName": DICT, "jsonFeature": {"json": json.dumps(text)}}


def of_features(feature):
  return {"pythonClassName": DICT, "featuresDict": {"features": {"source": feature}}}


# By the place of the name, features that name the class `evil`.
ATTACKS = {
  "at the top": lambda evil: {"pythonClassName": evil, "text": {}},
  "spelled otherwise": lambda evil: {"python_class_name": evil, "text": {}},
  "of an older form": lambda evil: {"type": evil, "content": {}},
  "of one feature": lambda evil: of_features({"pythonClassName": evil, "text": {}}),
  "of one within another": lambda evil: of_features(
    {"pythonClassName": SEQUENCE, "sequence": {"feature": {"pythonClassName": evil, "text": {}}}}
  ),
  "in a text of JSON": lambda evil: of_json({"source": {"type": evil, "content": {}}}),
  "in a text of an older form": lambda evil: {
    "type": DICT,
    "content": json.dumps({"features": {"source": {"pythonClassName": evil, "text": {}}}}),
    "proto_cls": "tensorflow_datasets.FeaturesDict",
  },
}


@pytest.fixture
def hostile(tmp_path, monkeypatch):
  """write(features, file): a dataset with code beside it; ran() says whether the code has run."""
  name = f"evil_{tmp_path.name.replace('-', '_')}"
  write_dataset(tmp_path / "pairs" / "1.0.0", [Pair("eng", "deu", "book", "one", "eins")])
  (tmp_path / f"{name}.py").write_text(
    "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\n", "utf-8"
  )
  monkeypatch.syspath_prepend(tmp_path)  # As `python -m` has the current folder.

  class Hostile:
    evil = f"{name}.FeaturesDict"
    folder = tmp_path / "pairs" / "1.0.0"

    @staticmethod
    def ran():
      return (tmp_path / "ran").exists()

    def write(self, features, file="features.json"):
      path = self.folder / file
      value = features
      if file == "dataset_info.json":
        value = json.loads(path.read_text("utf-8")) | {"features": features}
      path.write_text(json.dumps(value), "utf-8")

  return Hostile()


def read_pairs(path):
  return list(read([str(path)], counts=Counts(), format="tfds"))


@pytest.mark.parametrize("place", ATTACKS)
def test_code_of_a_dataset_is_not_run(hostile, place):
  hostile.write(ATTACKS[place](hostile.evil))
  for opening in (open_dataset, read_pairs):
    with pytest.raises(InputError) as error:
      opening(hostile.folder)
    assert f"features.json: names the Python class '{hostile.evil}'" in str(error.value)
  assert not hostile.ran()


def test_nor_is_that_which_its_info_names(hostile):
  hostile.write(ATTACKS["at the top"](hostile.evil), "dataset_info.json")
  with pytest.raises(InputError, match=r"dataset_info\.json: names the Python class"):
    open_folder(hostile.folder)
  assert not hostile.ran()


def test_nor_that_of_a_dataset_by_name(hostile):
  hostile.write(ATTACKS["at the top"](hostile.evil))
  with pytest.raises(InputError, match=r"features\.json: names the Python class"):
    read_pairs(f"pairs/data_dir={hostile.folder.parent.parent}")
  assert not hostile.ran()


def test_a_good_dataset_is_found_by_name(hostile):
  pairs = read_pairs(f"pairs/data_dir={hostile.folder.parent.parent}")
  assert pairs == [Pair("eng", "deu", "book", "one", "eins")]


def test_code_is_not_downloaded():
  with pytest.raises(InputError, match="kaggle:some: .*would download its code and run it"):
    read_pairs("kaggle:some")


@pytest.mark.parametrize(
  "features",
  [
    {"pythonClassName": TEXT, "text": {}},
    of_json({"type": {"type": TEXT, "content": {}}}),  # Features may have any names.
    {"type": "tensorflow_datasets.core.features.feature.Tensor", "content": {}},  # Its old place.
    of_features({"pythonClassName": SEQUENCE, "description": "os.system"}),
  ],
)
def test_tfds_own_features_are_accepted(tmp_path, features):
  (tmp_path / "features.json").write_text(json.dumps(features), "utf-8")
  check_features(tmp_path)


@pytest.mark.parametrize(
  ("name", "content", "message"),
  [
    ("features.json", "[]", "features.json: holds a list; a dict is needed"),
    ("features.json", '{"content": "{"}', "features.json: a text in it is no JSON"),
    ("dataset_info.json", '{"version": ""}', "TFDS cannot open this dataset"),
    ("dataset_info.json", '{"nonesuch": 1}', "TFDS cannot open this dataset"),
  ],
)
def test_damage_is_told(hostile, name, content, message):
  (hostile.folder / name).write_text(content, "utf-8")
  with pytest.raises(InputError, match=message):
    open_folder(hostile.folder)
