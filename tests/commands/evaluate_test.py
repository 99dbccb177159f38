"""The command `evaluate`, with a made-up encoder."""

import json
import re
import sys
import types

import numpy as np
import pytest

from labse_jax import evaluate
from labse_jax.base import errors
from labse_jax.base.errors import InputError

FRENCH = {"un": 0, "deux": 1, "trois": 2}
ENGLISH = {"one": 0, "two": 1, "three": 2}


class FakeEncoder:
  """One axis per meaning; it remembers what it was called with."""

  calls = []

  @classmethod
  def load(cls, folder, **options):
    if folder == "broken":
      raise InputError("broken: is not a model folder.")
    cls.calls = [("load", folder, options)]
    return cls()

  def encode(self, sentences, *, normalize_embeddings=False, **options):
    assert normalize_embeddings
    self.calls.append(("encode", sentences, options))
    meaning = {**FRENCH, **ENGLISH, "eins": 0, "zwei": 0}
    return np.eye(3, dtype=np.float32)[[meaning[text] for text in sentences]]


@pytest.fixture
def command(tmp_path, monkeypatch):
  """Runs the command on two small languages; gives (exit status, output path)."""
  module = types.SimpleNamespace(SentenceEncoder=FakeEncoder)
  monkeypatch.setitem(sys.modules, "labse_jax.encoding.sentence_encoder", module)
  data = tmp_path / "data"
  data.mkdir()
  for language, foreign in (("deu", ["eins", "zwei"]), ("fra", FRENCH)):
    english = list(ENGLISH)[: len(foreign)]
    (data / f"tatoeba.{language}-eng.{language}").write_text("\n".join(foreign) + "\n")
    (data / f"tatoeba.{language}-eng.eng").write_text("\n".join(english) + "\n")
  output = tmp_path / "out" / "evaluation.json"

  def call(**changes):
    flags = {"model": "m", "suite": "tatoeba", "data": data, "output": output, **changes}
    argv = [str(part) for name, value in flags.items() if value for part in (f"--{name}", value)]
    with pytest.raises(SystemExit) as status:
      errors.run(evaluate.main, argv)
    return status.value.code, output

  return call


def test_writes_results_with_their_provenance(command, tmp_path):
  status, output = command()
  assert status == 0
  result = json.loads(output.read_text())
  assert result["suite"] == "tatoeba"
  assert result["results"]["fra"] == {
    "accuracy": {"value": 1, "low": 1, "high": 1},
    "forward": 1,
    "backward": 1,
    "pairs": 3,
  }
  assert result["average"]["languages"] == 2
  assert result["average"]["forward"] == (1 + 0.5) / 2
  assert result["model"] == "m" and result["data"] == str(tmp_path / "data")
  assert result["command"].startswith("python -m labse_jax.evaluate --model m --suite tatoeba")
  assert result["hardware"]["devices"] == {"cpu": 8} and result["hardware"]["cores"] >= 1
  assert result["version"] and result["seconds"] >= 0
  assert [path.name for path in output.parent.iterdir()] == ["evaluation.json"]


def test_prints_the_best_language_first_and_the_average_last(command, capsys):
  command()
  lines = capsys.readouterr().out.splitlines()
  assert lines[0].split() == ["language", "pairs", "forward", "backward", "accuracy"]
  assert lines[1].split() == ["fra", "3", "1.000", "1.000", "1.000", "(1.000", "to", "1.000)"]
  assert [line.split()[0][:7] for line in lines[2:5]] == ["deu", "-------", "average"]
  assert lines[2].split()[:5] == ["deu", "2", "0.500", "0.500", "0.500"]
  assert len({len(line) for line in lines[:4]}) == 1


def test_languages_left_out_are_named(command, capsys):
  _, output = command(minimum=3)
  assert json.loads(output.read_text())["skipped"] == {"deu": 2}
  assert "left out, with too few pairs: deu (2)" in capsys.readouterr().out


def test_options_reach_the_encoder(command):
  command(dtype="bfloat16", prompt="query: ", languages="fra")
  load, encode = FakeEncoder.calls
  assert load == ("load", "m", {"dtype": "bfloat16"})
  assert encode[1] == ["un", "deux", "trois", "one", "two", "three"]
  assert encode[2]["prompt"] == "query: "


def test_stored_vectors_have_no_precision_and_no_prompt(command, tmp_path):
  texts = [*FRENCH, *ENGLISH]
  (tmp_path / "v.txt").write_text("\n".join(texts) + "\n")
  np.save(tmp_path / "v.npy", np.ones((len(texts), 2), np.float32))
  asked = {"precision": "bfloat16", "prompt": "query: ", "languages": "fra"}
  _, output = command(model=tmp_path / "v.npy", **asked)
  result = json.loads(output.read_text())
  assert (result["precision"], result["prompt"]) == (None, None)
  command(**asked)
  result = json.loads(output.read_text())
  assert (result["precision"], result["prompt"]) == ("bfloat16", "query: ")


def test_a_suite_is_given_its_own_options(command, tmp_path, capsys):
  for language, lines in (("fra", FRENCH), ("deu", ["eins", "zwei", "zwei"]), ("eng", ENGLISH)):
    (tmp_path / "data" / f"{language}.txt").write_text("\n".join(lines) + "\n")
  status, output = command(suite="xsim", option="k=2")
  assert status == 0
  lines = [line.split()[0] for line in capsys.readouterr().out.splitlines()[:3]]
  assert lines == ["language", "fra", "deu"]  # The smallest error first.


@pytest.mark.parametrize(
  "changes, message",
  [
    ({"suite": "xsim", "option": "margn=ratio"}, "Unknown option of xsim 'margn'; did you mean"),
    ({"option": "k=4"}, "Unknown option of tatoeba 'k'"),
    ({"suite": "tatoba"}, "Unknown evaluator 'tatoba'; did you mean 'tatoeba'?"),
    ({"suite": "../evaluate"}, "../evaluate: no such file for an evaluator"),
    ({"languages": "xxx"}, "no language 'xxx'; choose from deu, fra"),
    ({"data": "nowhere"}, "nowhere: no such folder"),
    ({"model": "broken"}, "broken: is not a model folder"),
    ({"output": "/"}, "/: is a folder; a file is needed"),
    ({"minimum": 9}, "no language has 9 pairs"),
    ({"model": "nowhere.npy"}, "nowhere.npy: no such file"),
    ({"report": "/"}, "/: is a folder; a file is needed"),
    ({"published": "nowhere.json"}, "nowhere.json: cannot be read as JSON"),
  ],
)
def test_wrong_input_is_one_line_and_writes_nothing(command, capsys, changes, message):
  status, output = command(**changes)
  error = capsys.readouterr().err
  assert status == 2 and message in error and error.count("\n") == 1
  assert not output.parent.exists()


@pytest.mark.parametrize("name", ["v.npy", "v.txt", "published.json"])
@pytest.mark.parametrize("flag", ["output", "report"])
def test_what_a_run_reads_is_not_overwritten(command, tmp_path, capsys, flag, name):
  inputs = {"model": tmp_path / "v.npy", "published": tmp_path / "published.json"}
  for file in ("v.npy", "v.txt", "published.json"):
    (tmp_path / file).write_text("an input")
  status, _ = command(**inputs, **{flag: tmp_path / name})
  assert status == 2
  assert f"{name}: is an input; name another file for the output" in capsys.readouterr().err
  assert (tmp_path / name).read_text() == "an input"


def test_results_and_page_need_a_file_each(command, capsys):
  _, output = command(model="broken")
  status, _ = command(report=output)
  assert status == 2 and "is named for two outputs" in capsys.readouterr().err


def test_an_older_result_survives_a_failure(command):
  _, output = command()
  before = output.read_bytes()
  status, _ = command(model="broken")
  assert status == 2 and output.read_bytes() == before


@pytest.mark.parametrize(
  "models, names",
  [
    (["a/model"], ["a/model"]),
    (["runs/a", "v/laser.npy", "b/"], ["a", "laser", "b"]),
    (["a/model", "b/model"], ["a/model", "b/model"]),
  ],
)
def test_models_are_called_by_what_tells_them_apart(models, names):
  assert evaluate.model_names(models) == names


def test_a_model_twice_is_refused():
  with pytest.raises(InputError, match="--model a is given twice"):
    evaluate.model_names(["a", "b", "a"])


def test_without_a_file_the_results_are_printed_alone(command, capsys):
  status, output = command(output=None)
  assert status == 0
  said = capsys.readouterr().out
  assert "average" in said
  assert "written" not in said
  assert not output.parent.exists()


def test_help_shows_an_example_and_the_suites(capsys):
  with pytest.raises(SystemExit) as status:
    evaluate.main(["--help"])
  text = capsys.readouterr().out
  assert status.value.code == 0
  assert "labse-jax evaluate --model" in text
  assert re.search(r"one of: .*\bsts,\s+tatoeba,.*\bxsim", text, re.S)
