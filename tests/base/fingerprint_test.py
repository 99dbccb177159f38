"""What a fingerprint sees, and what it does not."""

import shutil

import pytest

from labse_jax import model_folder
from labse_jax.base import fingerprint
from labse_jax.data.sources import Pair
from tests.support.tiny import write_dataset


@pytest.mark.parametrize(
  "name", ["config.json", "model.safetensors", "tokenizer.json", "1_Pooling/config.json"]
)
def test_every_file_of_a_model_counts(tmp_path, tiny_folder, name):
  shutil.copytree(tiny_folder, tmp_path / "copy")
  assert fingerprint.model(tmp_path / "copy") == fingerprint.model(tiny_folder)
  (tmp_path / "copy" / "README.md").write_text("other words")
  assert fingerprint.model(tmp_path / "copy") == fingerprint.model(tiny_folder)
  with open(tmp_path / "copy" / name, "ab") as file:
    file.write(b" ")
  assert fingerprint.model(tmp_path / "copy") != fingerprint.model(tiny_folder)


def test_a_models_head_counts_and_writing_it_twice_changes_nothing(
  tmp_path, tiny_folder, with_head
):
  marks = [fingerprint.model(tiny_folder)]
  for n, head in enumerate([("cls", 32, True), ("mean", 32, True), ("cls", 32, False)]):
    model_folder.write(tmp_path / str(n), with_head(*head))
    marks.append(fingerprint.model(tmp_path / str(n)))
  assert len(set(marks)) == 4
  model_folder.write(tmp_path / "same", with_head("cls", 32, False))
  assert fingerprint.model(tmp_path / "same") == marks[3]


@pytest.mark.parametrize("name", ["vocab.txt", "sentencepiece.bpe.model"])
def test_a_tokenizer_in_another_file_counts(tmp_path, name):
  marks = []
  for text in ("a", "b"):
    (tmp_path / name).write_text(text)
    marks.append(fingerprint.model(tmp_path))
  assert marks[0] != marks[1]


def test_a_dataset_is_its_records_in_their_order(tmp_path):
  one, two = Pair("eng", "deu", "x", "one", "eins"), Pair("eng", "deu", "x", "two", "zwei")
  marks, samples = [], []
  for name, pairs in (("a", [one, two]), ("b", [one, two]), ("c", [two, one]), ("d", [one])):
    write_dataset(tmp_path / name, pairs)
    marks.append(fingerprint.dataset(tmp_path / name))
    samples.append(fingerprint.dataset_sample(tmp_path / name))
  assert samples[0] == samples[1] and len(set(samples)) == 3
  assert marks[0] == marks[1] and len(set(marks)) == 3
  (tmp_path / "a" / "vectors").mkdir()
  (tmp_path / "a" / "vectors" / "manifest.json").write_text("{}")
  assert fingerprint.dataset(tmp_path / "a") == marks[0]
  write_dataset(tmp_path / "e", [one, Pair("eng", "deu", "x", "seven times two", "vierzehn")])
  assert fingerprint.dataset_sample(tmp_path / "e") not in samples
