import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.data import dataset
from labse_jax.data.sources import Pair
from tests.support.tiny import write_dataset


def pairs_of(count):
  # Texts of 0 to about 40,000 bytes: lengths take one, two and three bytes to write down.
  languages = ("deu", "fra", "deu", "zho-Hant")
  return [
    Pair("eng", languages[i % 4], "book", f"{i} " + "aä語😀" * (i * i % 4001), f"ö{i}")
    for i in range(count)
  ]


def test_what_is_written_is_read_in_its_order(tmp_path, monkeypatch):
  monkeypatch.setattr(dataset, "SHARD_EXAMPLES", 64)
  pairs = pairs_of(200)
  assert write_dataset(tmp_path / "d", iter(pairs)) == 200
  opened = dataset.open_dataset(tmp_path / "d")
  assert len(opened) == len(opened.source) == 200
  assert len(list((tmp_path / "d").glob("*array_record*"))) == 4
  order = np.random.default_rng(0).permutation(200)
  assert opened.source.__getitems__(order) == [pairs[i]._asdict() for i in order]
  assert opened.source[7] == pairs[7]._asdict()


def test_indices_by_language(tmp_path):
  write_dataset(tmp_path / "d", pairs_of(10))
  indices = dataset.open_dataset(tmp_path / "d").indices_by_language
  assert {name: list(found) for name, found in indices.items()} == {
    "eng-deu": [0, 2, 4, 6, 8],
    "eng-fra": [1, 5, 9],
    "eng-zho-Hant": [3, 7],
  }
  assert {found.dtype for found in indices.values()} == {np.dtype(np.int64)}


def test_indices_of_a_language_ascend(tmp_path):
  rows = [Pair("eng", ("deu", "fra")[i * i % 3 % 2], "", "a", "b") for i in range(1000)]
  write_dataset(tmp_path / "d", rows)
  for found in dataset.open_dataset(tmp_path / "d").indices_by_language.values():
    assert (np.diff(found) > 0).all()


def test_documents_are_named_by_their_language(tmp_path):
  texts = [("eng", "one\ntwo"), ("zho-Hant", "三"), ("eng", "four")]
  records = [Pair(language, "", "wiki", text, "") for language, text in texts]
  write_dataset(tmp_path / "d", records)
  opened = dataset.open_dataset(tmp_path / "d")
  assert opened.monolingual
  indices = {name: list(found) for name, found in opened.indices_by_language.items()}
  assert indices == {"eng": [0, 2], "zho-Hant": [1]}
  assert opened.source.__getitems__(range(3)) == [record._asdict() for record in records]
  write_dataset(tmp_path / "d", pairs_of(3))
  assert not dataset.open_dataset(tmp_path / "d").monolingual


def test_pairs_and_documents_do_not_mix(tmp_path):
  records = [*pairs_of(4), Pair("eng", "", "wiki", "one", "")]
  for mixed in (records, records[::-1]):
    with pytest.raises(InputError, match="need a dataset each"):
      write_dataset(tmp_path / "d", mixed)
  # A pair whose language is missing is no document.
  with pytest.raises(InputError, match="Language code ''"):
    write_dataset(tmp_path / "d", [Pair("eng", "", "a", "one", "eins")])


def test_a_full_disk_is_an_os_error(tmp_path, monkeypatch):
  class Full:
    def __init__(self, *_):
      pass

    def write(self, _):
      raise RuntimeError("write() failed: No space left on device; writing pairs-train")

  monkeypatch.setattr("array_record.python.array_record_module.ArrayRecordWriter", Full)
  with pytest.raises(OSError) as caught:
    write_dataset(tmp_path / "d", pairs_of(1))
  assert caught.value.errno == errno.ENOSPC and not os.listdir(tmp_path)


def test_tfds_opens_it_and_tensorflow_stays_out(tmp_path):
  write_dataset(tmp_path / "d", pairs_of(3))
  code = (
    "import sys, tensorflow_datasets as tfds\n"
    f"builder = tfds.builder_from_directory({str(tmp_path / 'd')!r})\n"
    "source = builder.as_data_source(split='train')\n"
    "assert source[1]['target'].decode() == 'ö1' and len(source) == 3\n"
    f"assert set(builder.info.features) == {set(Pair._fields)}\n"
    "assert 'tensorflow' not in sys.modules"
  )
  subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("missing", ["dataset_info.json", "language_pairs.npy"])
def test_what_is_no_dataset_is_told(tmp_path, missing):
  write_dataset(tmp_path / "d", pairs_of(3))
  (tmp_path / "d" / missing).unlink()
  with pytest.raises(InputError, match=f"not a dataset folder .no {missing}"):
    dataset.open_dataset(tmp_path / "d")


@pytest.mark.parametrize(
  ("name", "given", "words"),
  [
    (
      "a.tsv",
      "a.tsv",
      "a.tsv: is a file, .*`labse-jax prepare --input [^ ]*a.tsv --source",
    ),
    ("a.tmx.gz", "a.tmx.gz", "a.tmx.gz --source-language CODE"),
    ("b/a.tsv.xz", "b", "b: not a dataset folder .*it holds text, such as a.tsv.xz: first run"),
    ("b/data/dataset_info.json", "b", "b: not a dataset folder .*did you mean .*b/data"),
    ("b/x", "b", "b: not a dataset folder .no dataset_info.json.; `labse-jax prepare` makes one"),
    ("b/x", "c", "c: not a dataset folder .there is no such folder"),
  ],
)
def test_what_is_given_in_place_of_a_dataset_is_named(tmp_path, name, given, words):
  (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
  (tmp_path / name).write_text("a\tb\n")
  with pytest.raises(InputError, match=words) as error:
    dataset.open_dataset(tmp_path / given)
  assert "\n" not in str(error.value)


def test_numbers_that_do_not_fit_are_told(tmp_path):
  write_dataset(tmp_path / "d", pairs_of(3))
  np.save(tmp_path / "d" / "language_pairs.npy", np.zeros(2, np.uint16))
  with pytest.raises(InputError, match="damaged: 3 pairs, .* has 2"):
    dataset.open_dataset(tmp_path / "d")
