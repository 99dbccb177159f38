"""The page of a made-up run."""

import base64
import html
import json
import re
import sys
import types

import numpy as np
import pytest

from labse_jax import report
from labse_jax.base import errors
from labse_jax.base.errors import InputError
from labse_jax.evaluation import example_queries
from tests.support.html_document import Document

PNG = b"\x89PNG\r\n\x1a\n"
FRENCH = ["Bonjour <b>à tous</b> les amis", "Le chat dort sur la table", "La pluie tombe encore"]
ENGLISH = [
  "Hello & <i>welcome</i> to all",
  "The cat sleeps on the table",
  "It is still raining now",
]
JAPANESE = ["こんにちは、みなさん", "猫がテーブルで寝ています", "まだ雨が降っている"]
MEANING = {text: place for texts in (FRENCH, ENGLISH) for place, text in enumerate(texts)}
MEANING |= {JAPANESE[0]: 0, JAPANESE[1]: 2, JAPANESE[2]: 1}  # Two of them are confused.


class FakeEncoder:
  """One axis per meaning."""

  asked = []

  @classmethod
  def load(cls, folder, **_):
    return cls()

  def encode(self, sentences, **_):
    FakeEncoder.asked = sentences
    return np.eye(3, dtype=np.float32)[[MEANING[text] for text in sentences]]


def metric(value):
  return {"value": value, "low": value - 0.1, "high": value + 0.1}


@pytest.fixture
def workdir(tmp_path, monkeypatch):
  """A run with everything: metrics, config, evaluation, model and data."""
  module = types.SimpleNamespace(SentenceEncoder=FakeEncoder)
  monkeypatch.setitem(sys.modules, "labse_jax.encoding.sentence_encoder", module)
  run = tmp_path / "run<1>"
  data = tmp_path / "data"
  (run / "model").mkdir(parents=True)
  data.mkdir()
  for language, texts in (("fra", FRENCH), ("jpn", JAPANESE)):
    (data / f"tatoeba.{language}-eng.{language}").write_text("\n".join(texts), encoding="utf-8")
    (data / f"tatoeba.{language}-eng.eng").write_text("\n".join(ENGLISH), encoding="utf-8")
  log = [{"step": step, "loss": 9.0 - step, "negatives": 1463} for step in (1, 2, 3)]
  log[-1]["tatoeba/accuracy"] = metric(0.5)
  (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
  config = {"seed": 7, "model": {"layers": 6, "name": "<bert>"}, "languages": None}
  (run / "config.json").write_text(json.dumps(config))

  def row(value):
    return {"accuracy": metric(value), "forward": value, "backward": value, "pairs": 3}

  evaluation = {
    "suite": "tatoeba",
    "results": {"jpn": row(1 / 3), "fra": row(1.0)},
    "average": {**row(2 / 3), "languages": 2},
    "groups": {"14": {**row(0.25), "languages": 14}},
    "scored on": {"fra": "half"},
    "skipped": {"xho": 2},
    "data": str(data),
    "command": "python -m labse_jax.evaluate --model 'a b'",
    "hardware": {"processor": "A fine one", "cores": 2, "devices": {"cpu": 8}},
  }
  (run / "evaluation.json").write_text(json.dumps(evaluation))
  return run


def write(workdir):
  assert not report.main([str(workdir)])
  text = (workdir / "report.html").read_text(encoding="utf-8")
  return text, Document(text)


def test_the_page_is_whole_and_needs_nothing_else(workdir):
  text, document = write(workdir)
  assert document.open == []
  images = [attributes["src"] for tag, attributes in document.tags if tag == "img"]
  pngs = [base64.b64decode(src.removeprefix("data:image/png;base64,")) for src in images]
  assert [png[:8] for png in pngs] == [PNG] * 4
  beside = {path.name: path.read_bytes() for path in (workdir / "plots").iterdir()}
  assert sorted(beside) == [*("directions.png", "languages.png", "similarity.png", "training.png")]
  assert sorted(beside.values()) == sorted(pngs)
  assert not re.search(r"https?:|<script|<link|@import|url\(", text)


def test_every_text_is_escaped(workdir):
  text, document = write(workdir)
  assert not {"b1", "i", "1"} & {tag for tag, _ in document.tags}
  assert "Hello &amp; &lt;i&gt;welcome&lt;/i&gt; to all" in text
  for shown in ("run<1>", "<bert>", FRENCH[0], "python -m labse_jax.evaluate --model 'a b'"):
    assert shown in document.texts


def test_figures_config_and_table_are_shown(workdir):
  _, document = write(workdir)
  texts = document.texts
  for name, value in (("seed", "7"), ("model.layers", "6"), ("languages", "none")):
    assert texts[texts.index(name) + 1] == value
  assert texts[texts.index("accuracy, mean of 2 languages") - 1] == "0.667"
  assert texts[texts.index("loss at the end") - 1] == "6.000"
  assert texts[texts.index("negatives for each sentence") - 1] == "1,463"
  cell = r"French \(fra\)|Japanese \(jpn\)|average|[01]\.\d{3} \(.*\)"
  cells = [text for text in texts if re.fullmatch(cell, text)]
  start = cells.index("French (fra)")
  assert cells[start : start + 6] == [
    *("French (fra)", "1.000 (0.900 to 1.100)"),
    *("Japanese (jpn)", "0.333 (0.233 to 0.433)"),
    *("average", "0.667 (0.567 to 0.767)"),
  ]
  assert "left out, with too few pairs: Xhosa (xho) (2)" in texts
  assert "scored on half: fra" in texts and texts[texts.index("group 14 (14)") + 1] == "3"
  assert any("A fine one, 2 cores" in text for text in texts)


def test_queries_are_marked_right_or_wrong(workdir):
  text, _ = write(workdir)
  cards = text.split('<div class="card">')[1:]
  marks = {
    re.search(r"<bdi[^>]*>(.*?)</bdi>", card)[1]: "✓ found" in card and "✗ missed" not in card
    for card in cards
  }
  asked = [pair[0] for pair in example_queries.pick((FRENCH, ENGLISH), 2)]
  asked += [pair[0] for pair in example_queries.pick((JAPANESE, ENGLISH), 2)]
  expected = {html.escape(query): query not in JAPANESE[1:] for query in asked}
  # Every card shows the right sentence once, and marks it.
  assert [card.count('class="hit right"') for card in cards] == [1] * len(asked)
  assert marks == expected and set(marks.values()) == {True, False}


def test_only_what_is_shown_is_encoded(workdir):
  write(workdir)
  assert len(FakeEncoder.asked) == len(set(FakeEncoder.asked))
  assert set(ENGLISH) < set(FakeEncoder.asked) and set(FRENCH) - set(FakeEncoder.asked)


@pytest.mark.heavy
@pytest.mark.parametrize(
  "name, message",
  [
    ("config.json", "config.json is missing"),
    ("evaluation.json", "evaluation.json is missing"),
    ("model", "The model is missing: there is no folder"),
    ("data", "data: no such folder"),
  ],
)
def test_the_page_says_what_is_missing(workdir, name, message):
  path = workdir.parent / name if name == "data" else workdir / name
  path.rename(workdir.parent / "elsewhere")
  _, document = write(workdir)
  assert document.open == []
  assert any(message in text for text in document.texts)


def test_a_plot_of_an_earlier_page_does_not_stay(workdir):
  write(workdir)
  (workdir / "model").rmdir()
  write(workdir)
  assert not (workdir / "plots" / "similarity.png").exists()


def test_a_torn_last_line_is_said_and_left_out(workdir):
  _, document = write(workdir)
  said = "The last line of metrics.jsonl was cut short and is left out."
  assert said not in document.texts
  with open(workdir / "metrics.jsonl", "ab") as file:
    file.write('{"step": 4, "note": "é'.encode()[:-1])
  _, document = write(workdir)
  assert said in document.texts
  assert document.texts[document.texts.index("training steps") - 1] == "4"


def prepare(workdir, what):
  metrics = workdir / "metrics.jsonl"
  if what == "no metrics":
    metrics.unlink()
  elif what == "empty":
    metrics.write_text("\n")
  elif what == "broken middle":
    metrics.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
  elif what == "only a torn line":
    metrics.write_text('{"st')
  elif what == "no step":
    metrics.write_text('{"step": 1}\n[2]\n')
  elif what == "two models":
    (workdir / "evaluation.json").write_text('{"models": {"a": {}, "b": {}}, "comparisons": []}')
  elif what == "another file":
    (workdir / "evaluation.json").write_text("{}")
  elif what == "broken evaluation":
    (workdir / "evaluation.json").write_text("{")


@pytest.mark.parametrize(
  "what, message",
  [
    ("no metrics", "metrics.jsonl: no such file"),
    ("empty", "metrics.jsonl: is empty"),
    ("broken middle", "metrics.jsonl:2: is not JSON"),
    ("only a torn line", "metrics.jsonl:1: is not JSON"),
    ("no step", "metrics.jsonl:2: each line is one object with a 'step'"),
    ("broken evaluation", "evaluation.json: cannot be read as JSON"),
    ("two models", "evaluation.json: compares models; evaluate this run's model alone"),
    ("another file", "evaluation.json: is no result of evaluate"),
  ],
)
def test_wrong_input_is_one_line_and_writes_nothing(workdir, capsys, what, message):
  prepare(workdir, what)
  with pytest.raises(SystemExit) as status:
    errors.run(report.main, [str(workdir)])
  error = capsys.readouterr().err
  assert status.value.code == 2 and message in error and error.count("\n") == 1
  assert not (workdir / "report.html").exists() and not (workdir / "plots").exists()


def test_a_missing_workdir_is_named(tmp_path):
  with pytest.raises(InputError, match="nowhere: no such folder"):
    report.main([str(tmp_path / "nowhere")])


@pytest.mark.parametrize(
  ("argv", "message"),
  [
    ([], "One of --workdir and FOLDER is needed."),
    (["a", "--workdir=b"], "FOLDER and --workdir cannot both be given."),
    (["a", "b"], "Unknown argument 'b'."),
  ],
)
def test_one_run_is_named(argv, message):
  with pytest.raises(InputError) as error:
    report.main(argv)
  assert str(error.value) == f"{message} See `labse-jax report --help`."


def test_the_usage_says_that_one_run_is_needed(capsys):
  with pytest.raises(SystemExit):
    report.main(["--help"])
  shown = capsys.readouterr().out
  assert "[--data FOLDER] (FOLDER | --workdir FOLDER)\n" in shown
  assert "WORKDIR" not in shown


def test_the_run_may_be_named_in_either_way_and_within_the_home_folder(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  for argv in (["~/none"], ["--workdir=~/none"]):
    with pytest.raises(InputError, match=f"^{tmp_path}/none: no such folder"):
      report.main(argv)
