"""Lines and their places, of files and of datasets."""

import gzip

import pytest

from labse_jax.base.errors import InputError
from labse_jax.data import lines
from labse_jax.data.dataset import open_dataset
from labse_jax.data.sources import Pair
from tests.support.tiny import write_dataset


def test_lines_of_files_with_their_places(tmp_path):
  (tmp_path / "a").write_text("one\n\n \u200b\ntwo", "utf-8")
  (tmp_path / "b.gz").write_bytes(gzip.compress("drei\u2028\n".encode()))
  assert list(lines.of_files([tmp_path / "a", tmp_path / "b.gz"])) == [
    (f"{tmp_path}/a:1", "one"),
    (f"{tmp_path}/a:4", "two"),
    (f"{tmp_path}/b.gz:1", "drei\u2028"),
  ]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
  folder = tmp_path_factory.mktemp("pairs") / "d"
  write_dataset(
    folder,
    [
      Pair("eng", "deu", "-", "one", "eins"),
      Pair("eng", "zho-Hant", "-", "two", "二"),
      Pair("deu", "eng", "-", "drei", "three"),
      Pair("eng", "deu", "-", "four", "vier"),
    ],
  )
  return open_dataset(folder)


@pytest.mark.parametrize(
  ("languages", "expected"),
  [
    (["deu"], ["eins", "drei", "vier"]),
    (["zho-Hant"], ["二"]),
    (["deu", "zho-Hant"], ["eins", "二", "drei", "vier"]),
    (["eng"], ["one", "two", "three", "four"]),
    (None, ["one", "eins", "two", "二", "drei", "three", "four", "vier"]),
  ],
)
def test_lines_of_a_dataset_in_some_languages(pairs, languages, expected, monkeypatch):
  monkeypatch.setattr(lines, "CHUNK", 1)
  found = list(lines.of_dataset(pairs, languages))
  assert sorted(line for _, line in found) == sorted(expected)
  for place, line in found:
    folder, index, side = place.rsplit(":", 2)
    assert folder == str(pairs.folder) and pairs.source[int(index)][side] == line


def test_a_language_that_is_not_there_is_said(pairs):
  with pytest.raises(InputError, match="holds no language 'zho'; choose from deu, eng, zho-Hant"):
    list(lines.of_dataset(pairs, ["deu", "zho"]))


def test_a_document_is_its_lines(tmp_path):
  write_dataset(
    tmp_path / "d", [Pair("eng", "", "-", "one\ntwo", ""), Pair("deu", "", "-", "3", "")]
  )
  dataset = open_dataset(tmp_path / "d")
  assert [line for _, line in lines.of_dataset(dataset, ["eng"])] == ["one", "two"]
  assert [line for _, line in lines.of_dataset(dataset)] == ["one", "two", "3"]


def test_chunks(monkeypatch):
  monkeypatch.setattr(lines, "CHUNK", 2)
  assert list(lines.chunks("abcde")) == [["a", "b"], ["c", "d"], ["e"]]
  assert list(lines.chunks([])) == []
