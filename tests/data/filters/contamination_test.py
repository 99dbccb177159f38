"""No side of a pair that is kept stands in a benchmark, whatever its form."""

import lzma

import pytest

from labse_jax import prepare
from labse_jax.base.errors import InputError
from labse_jax.data.dataset import open_dataset
from labse_jax.data.filters import contamination
from labse_jax.data.sources import Pair

FILES = {
  "lines.eng": "\nThe cat sleeps.\nOn the mat\n",
  "sts.tsv": 'main\tnews\t3.80\tA dog barks\tA dog is "loud"\n',
  "sts.csv": '4.2,"Yes, it rains","It rains"\n3,"One line\nAnother line","A third"\n',
  "sts-dev.csv": 'main\tnews\t2\tHe said, "no\tA bird, a plane\n',
  "TREC_10.label": "NUM:dist How far is it ?\n",
  "old.pos": "caf\u00e9 noir".encode("latin-1"),
  "nli.jsonl": '{"one": "Dogs run", "n": 3}\n\n{"more": [{"two": "Cats hide"}, null]}\n',
  "nli.json": '[\n{"one": "Fish swim"}\n]',
}
HELD = [
  "the cat sleeps",
  "On the  mat!",
  "a dog barks",
  'A dog is "loud"',
  "yes it rains",
  "It rains.",
  "one line",
  "another line",
  "one line another line",
  "a third",
  "he said, no",
  "A bird, a plane",
  "How far is it?",
  "NUM:dist How far is it ?",
  "Caf\u00e9 noir",
  "dogs run",
  "cats hide",
  "fish swim",
]
FREE = ["A cat sleeps", "On the", "3.80", "news", "It rains today", "A dog barks\tA dog"]


def row(source="free", target="frei"):
  return Pair("eng", "deu", "here", source, target)


@pytest.fixture
def folder(tmp_path):
  for name, text in FILES.items():
    (tmp_path / "benchmark" / "deep").mkdir(parents=True, exist_ok=True)
    raw = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "benchmark" / "deep" / name).write_bytes(raw)
  return tmp_path / "benchmark"


def test_a_side_in_any_file_of_a_folder_drops_the_pair(folder):
  ((name, drops),) = contamination.filters([folder])
  assert name == f"in the benchmark {folder}"
  assert all(drops(row(text)) and drops(row(target=text)) for text in HELD)
  assert not any(drops(row(text)) or drops(row(target=text)) for text in FREE)
  assert not drops(row("A line of a document", ""))  # Whose other side is not there.


def test_each_benchmark_is_a_filter_of_its_own(folder, tmp_path):
  with lzma.open(tmp_path / "more.txt.xz", "wt") as file:
    file.write("Something else\n")
  (_, first), (name, second) = contamination.filters([folder, tmp_path / "more.txt.xz"])
  assert name.endswith("more.txt.xz") and second(row("something else"))
  assert not first(row("something else")) and not second(row(HELD[0]))


def test_mined_pairs_become_a_dataset_without_the_benchmarks(folder, tmp_path, capsys):
  pairs = [
    ("1.31", "Die Katze schläft", HELD[0]),
    ("1.2", "Es regnet heute", "It rains today"),
    ("1.1", "Ein Hund bellt", "A dog barks"),
  ]
  mined = tmp_path / "mined.tsv"
  mined.write_text("".join("\t".join(one) + "\n" for one in pairs), "utf-8")
  prepare.main(
    [
      "--input",
      f"{mined}",
      "--columns=-,source,target",
      "--source-language",
      "deu",
      "--target-language",
      "eng",
      "--output",
      f"{tmp_path / 'data'}",
      "--without",
      f"{folder}",
    ]
  )
  assert f"dropped: in the benchmark {folder}" in " ".join(capsys.readouterr().out.split())
  source = open_dataset(tmp_path / "data").source
  assert [example["source"] for example in source.__getitems__(range(len(source)))] == [
    "Es regnet heute"
  ]


@pytest.mark.parametrize("name", ["nowhere", "empty", "blank"])
def test_a_benchmark_without_text_is_refused(tmp_path, name):
  (tmp_path / "empty").mkdir()
  (tmp_path / "blank").write_text("\n \n\u200b\n", "utf-8")
  with pytest.raises(InputError, match=name):
    contamination.filters([tmp_path / name])


@pytest.mark.parametrize(
  "name, raw, message",
  [
    ("a.csv", b'1,"open\n' + b"x" * 200_000, "a.csv: cannot be read as .csv .*quote not closed"),
    ("a.jsonl", b'"fine"\n{"one": \n', "a.jsonl:2: cannot be read as JSON"),
    ("a.json", b'"one"\n"two"', "a.json:1: cannot be read as JSON"),
    ("a.parquet", b"PAR1\x15\x04\x00\x12", "a.parquet:1: is no text"),
    ("a.xml", b"<seg>One sentence</seg>", "a.xml: is markup"),
    ("a.txt", "UTF-16".encode("utf-16"), "a.txt:1: is no text"),
  ],
)
def test_what_cannot_be_read_is_refused(tmp_path, name, raw, message):
  (tmp_path / name).write_bytes(raw)
  with pytest.raises(InputError, match=message):
    contamination.filters([tmp_path])
