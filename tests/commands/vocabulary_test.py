"""The command `vocabulary`: what it writes, what it replaces and what it refuses."""

import json
import shutil

import pytest
import sentencepiece

from labse_jax import vocabulary as command
from labse_jax.base.errors import run
from labse_jax.data.sources import Pair
from labse_jax.tokenizer.tokenizer import Tokenizer
from tests.support.tiny import write_dataset


def command_on(folder, lines, *options):
  write_dataset(folder / "data", [Pair("eng", "deu", "-", a, b) for a, b in lines])
  with pytest.raises(SystemExit) as caught:
    run(command.main, ["--data", f"{folder / 'data'}", "--output", f"{folder / 'v'}", *options])
  return caught.value.code


@pytest.fixture(scope="module")
def real_pairs(real_lines):
  return list(zip(real_lines[::2], real_lines[1::2], strict=False))


@pytest.mark.heavy
def test_the_command_writes_a_vocabulary(tmp_path, real_pairs, capsys):
  assert command_on(tmp_path, real_pairs, "--pieces", "700") == 0
  assert "disagree on 0" in capsys.readouterr().out
  report = json.loads((tmp_path / "v" / "vocabulary.json").read_text())
  assert report["size"] == 700 and report["disagreements"] == 0 and report["kind"] == "unigram"
  processor = sentencepiece.SentencePieceProcessor(
    model_file=str(tmp_path / "v" / "sentencepiece.model")
  )
  assert len(processor) == 700


def test_the_command_writes_wordpieces_over_what_it_wrote(tmp_path, real_pairs, capsys):
  assert command_on(tmp_path, real_pairs, "--pieces", "700") == 0
  options = ("--pieces", "900", "--kind", "wordpiece")
  assert command_on(tmp_path, real_pairs, *options) == 0
  assert "900 wordpiece pieces" in capsys.readouterr().out
  names = ["tokenizer.json", "tokenizer_config.json", "vocab.txt"]
  assert sorted(p.name for p in (tmp_path / "v").iterdir()) == [*names, "vocabulary.json"]
  report = json.loads((tmp_path / "v" / "vocabulary.json").read_text())
  assert report["kind"] == "wordpiece" and "disagreements" not in report
  assert len(Tokenizer(tmp_path / "v" / "tokenizer.json")) == 900
  before = [(tmp_path / "v" / name).read_bytes() for name in names]
  assert command_on(tmp_path, real_pairs, *options) == 0
  assert [(tmp_path / "v" / name).read_bytes() for name in names] == before
  assert command_on(tmp_path, real_pairs, "--pieces", "700") == 0
  assert not (tmp_path / "v" / "vocab.txt").exists()


@pytest.mark.parametrize("kind", ["unigram", "wordpiece"])
def test_the_command_replaces_no_model_and_no_dataset(tmp_path, tiny_folder, kind, capsys):
  lines = [("Hello world", "Hallo Welt")] * 30
  for name in ("model", "saved", "bert"):
    shutil.copytree(tiny_folder, tmp_path / name)
  (tmp_path / "saved" / "vocabulary.json").touch()  # A model saved beside its tokenizer.
  (tmp_path / "bert" / "vocab.txt").touch()
  (tmp_path / "bert" / "sentencepiece.model").touch()
  for name, reason in (
    ("model", "other files"),
    ("saved", "also a model"),
    ("bert", "other files"),
    ("data", "other files"),
  ):
    options = ("--pieces", "30", "--kind", kind, "--output", f"{tmp_path / name}")
    assert command_on(tmp_path, lines, *options) == 2
    assert reason in capsys.readouterr().err
    assert (tmp_path / name / ("dataset_info.json" if name == "data" else "modules.json")).exists()


@pytest.mark.parametrize(
  ("lines", "size", "reason"),
  [
    ([("Hello world", "Hallo Welt")], "9000", "too high"),
    ([("Hello world", "Hallo Welt")], "7", "at least 8"),
    ([("Hello world", "Hallo Welt")], "8", "smaller than required_chars"),
  ],
)
def test_the_command_on_bad_input(tmp_path, lines, size, reason, capfd):
  (tmp_path / "v").mkdir()
  (tmp_path / "v" / "vocabulary.json").touch()
  assert command_on(tmp_path, lines, "--pieces", size) == 2
  error = capfd.readouterr().err
  assert error.startswith("labse-jax: ") and error.count("\n") == 1 and reason in error
  assert [p.name for p in (tmp_path / "v").iterdir()] == ["vocabulary.json"]


def test_the_command_without_a_dataset(tmp_path, capsys):
  with pytest.raises(SystemExit) as caught:
    run(command.main, ["--data", str(tmp_path), "--pieces", "100", "--output", f"{tmp_path}/v"])
  assert caught.value.code == 2 and "not a dataset folder" in capsys.readouterr().err
