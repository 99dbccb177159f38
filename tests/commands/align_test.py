import json

from defusedxml import ElementTree
import pytest

from labse_jax import align
from labse_jax.base import errors
from tests.support import real, split_documents
from tests.support.places import TATOEBA


def write(path, lines):
  path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
  return path


def command_line(flags):
  words = []
  for name, value in flags.items():
    words += [f"--{name.replace('_', '-')}", str(value)]
  return words


@pytest.fixture
def command(tiny_folder, tmp_path, real_lines, capsys):
  """command(format="jsonl") -> (exit status, output, what was printed) for a text and itself.

  The first two sentences are one line of the target, and each side has an empty line.
  """
  lines = [line.replace("\t", " ") for line in real_lines[100:112]]
  source = write(tmp_path / "a.txt", [*lines[:4], "", *lines[4:]])
  target = write(tmp_path / "b.txt", ["", " ".join(lines[:2]), *lines[2:]])
  output = tmp_path / "out"
  needed = {"model": tiny_folder, "source": source, "target": target, "output": output}

  def call(**flags):
    with pytest.raises(SystemExit) as status:
      errors.run(align.main, command_line(needed | flags))
    return status.value.code, output, capsys.readouterr()

  return call, lines


def test_a_document_is_aligned_with_itself_in_each_format(command, tmp_path):
  call, lines = command
  texts = [" ".join(lines[:2]), *lines[2:]]
  gold = write(tmp_path / "gold", ["[0, 1]:[1]", "[2]:[2]", "[5]:[4]", "[6]:[6]"])
  status, output, said = call(gold=gold)
  rows = [line.split("\t") for line in output.read_text("utf-8").splitlines()]
  assert status == 0 and [row[1:] for row in rows] == [[text, text] for text in texts]
  assert all(float(row[0]) > 0.99 for row in rows)
  assert "11 pairs; without a partner: 0 of 12 source and 0 of 11 target" in said.out
  scores = json.loads((tmp_path / "out.scores.json").read_text())
  assert scores["strict"]["recall"] == 0.75 and scores["strict"]["precision"] == 3 / 11
  assert "recall     0.7500" in said.out

  call(format="jsonl", source_language="en", target_language="de")
  rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
  assert [row["source"] for row in rows] == texts
  assert rows[0]["source_places"] == [0, 1] and rows[0]["target_places"] == [1]
  assert rows[3]["source_places"] == [5] and rows[3]["target_places"] == [4]
  assert {(row["source_language"], row["target_language"]) for row in rows} == {("en", "de")}

  output = tmp_path / "book.tmx"
  _, _, said = call(output=output, source_language="en")
  assert "the tmx will call a language 'und'" in said.err
  tree = ElementTree.parse(output)
  assert tree.find("header").get("segtype") == "block"
  segments = [segment.text for segment in tree.iter("seg")]
  assert segments[::2] == texts and segments[1::2] == texts


def test_wrong_input_is_one_line_and_writes_nothing(command, tmp_path):
  call, _ = command
  before = (tmp_path / "a.txt").read_bytes()
  gold = write(tmp_path / "gold", ["[0]:[99]"])
  for flags, message in (
    ({"source": write(tmp_path / "empty", [])}, "empty: has no sentence"),
    ({"target": write(tmp_path / "blank", ["", " "])}, "blank: has no sentence"),
    ({"source": tmp_path / "none"}, "none: no such file"),
    ({"gold": tmp_path / "none"}, "none: no such file"),
    ({"gold": gold}, "gold:1: place 99, and the target has lines 0 to 11"),
    ({"output": tmp_path / "a.txt"}, "a.txt: is an input"),
    ({"output": tmp_path / "x" / ".." / "b.txt"}, "b.txt: is an input"),
    ({"gold": write(tmp_path / "out.scores.json", ["[0]:[0]"])}, "json: is an input"),
    ({"output": tmp_path}, "is a folder; a file is needed"),
    ({"output": "/dev/null"}, "/dev/null: is a device; a file is needed"),
    ({"max-sentences": 1}, "--max-sentences 1: 2 to 10 is allowed"),
    ({"largest": 1}, "--max-sentences 1: 2 to 10 is allowed"),
    ({"source-language": "xyz"}, "Unknown language 'xyz'"),
    ({"target-language": "Germn"}, "did you mean German (deu)?"),
    ({"model": tmp_path / "none"}, "none"),
  ):
    status, output, said = call(**flags)
    assert status == 2 and message in said.err and said.err.count("\n") == 1, said.err
    assert not output.exists() and said.out == ""
  assert (tmp_path / "a.txt").read_bytes() == before


def test_documents_are_split_where_they_say():
  lines = [f"{number} begins here, and it ends there." for number in range(200)]
  upper = [line.upper() for line in lines]
  source, target, links = split_documents.make(lines, upper, seed=0, dropped=0.05)
  kinds = {tuple(map(len, link)) for link in links}
  assert kinds == {(1, 1), (2, 1), (1, 2), (1, 0), (0, 1)}
  for left, right in links:
    source_text = " ".join(source[i] for i in left)
    target_text = " ".join(target[i] for i in right)
    if source_text and target_text:
      assert source_text.upper() == target_text


@pytest.mark.slow
@pytest.mark.parametrize("language", ["deu", "rus", "jpn"])
def test_split_and_merged_news_is_aligned(tmp_path, language):
  news = TATOEBA.parent / "ntrex_first_half"
  if not news.is_dir():
    pytest.skip(f"no NTREX files in {news}")
  lines = [(news / f"{name}.txt").read_text("utf-8").splitlines() for name in (language, "eng")]
  source, target, links = split_documents.make(*(side[:300] for side in lines), seed=1)
  flags = {
    "model": real.folder("me5-small"),
    "precision": "bfloat16",
    "source": write(tmp_path / "a", source),
    "target": write(tmp_path / "b", target),
    "gold": write(tmp_path / "gold", [f"{[*left]}:{[*right]}" for left, right in links]),
    "output": tmp_path / "pairs",
  }
  align.main(command_line(flags))
  scores = json.loads((tmp_path / "pairs.scores.json").read_text())
  assert min(scores["strict"]["f1"], scores["lax"]["f1"]) >= 0.97
