"""The page of an evaluation, read as text and looked at in a browser where there is one."""

import json
import re
import shutil
import subprocess

from matplotlib import image
import numpy as np
import pytest

from labse_jax import evaluate
from labse_jax.pages import evaluation as evaluation_page
from tests.support.html_document import Document

LANGUAGES = {"fra": "écrit {}", "rus": "слово {}", "deu": "<b>wort</b> {}"}
COUNT = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Three languages, and two systems' vectors of them, of which the second is worse."""
  folder = tmp_path_factory.mktemp("page")
  data, rng, meaning = folder / "data", np.random.default_rng(0), {}
  data.mkdir()
  for language, form in LANGUAGES.items():
    texts, english = ([f.format(n) for n in range(COUNT)] for f in (form, "a sentence number {}"))
    (data / f"tatoeba.{language}-eng.{language}").write_text("\n".join(texts), "utf-8")
    (data / f"tatoeba.{language}-eng.eng").write_text("\n".join(english), "utf-8")
    meaning |= {text: n for side in (texts, english) for n, text in enumerate(side)}
  for name, noise in (("good", 0.2), ("weak", 0.6)):
    x_ND = np.eye(COUNT)[list(meaning.values())] + noise * rng.normal(size=(len(meaning), COUNT))
    np.save(folder / f"{name}.npy", x_ND.astype(np.float16))
    (folder / f"{name}.txt").write_text("\n".join(meaning), "utf-8")
  published = {"LaBSE": {"source": "arXiv 2007.01852", "average": 0.837, "languages": 112}}
  (folder / "published.json").write_text(json.dumps(published))
  arguments = {
    "suite": "tatoeba",
    "data": folder / "data",
    "output": folder / "both.json",
    "report": folder / "both.html",
    "published": folder / "published.json",
  }
  argv = [str(part) for name, value in arguments.items() for part in (f"--{name}", value)]
  evaluate.main([*argv, "--model", f"{folder}/good.npy", "--model", f"{folder}/weak.npy"])
  return folder


@pytest.mark.heavy
def test_the_page_is_whole_escaped_and_needs_nothing_else(folder):
  text = (folder / "both.html").read_text("utf-8")
  document = Document(text)
  assert not document.open
  assert not re.search(r"https?:|<script|<link|@import|url\(", text)
  # Models side by side; of each, bars, both directions, similarities and the plane.
  assert sum(tag == "img" for tag, _ in document.tags) == 1 + 2 * 4
  assert "<b>wort</b>" not in text and any("<b>wort</b> " in shown for shown in document.texts)


def test_it_says_what_was_measured_and_what_was_published(folder):
  texts = Document((folder / "both.html").read_text("utf-8")).texts
  result = json.loads((folder / "both.json").read_text("utf-8"))
  assert list(result) == ["models", "comparisons"] and list(result["models"]) == ["good", "weak"]
  good, weak = (one["average"]["accuracy"]["value"] for one in result["models"].values())
  assert good > weak and f"{good:.3f}" in texts and f"{weak:.3f}" in texts
  assert "LaBSE (published)" in texts and "0.837 (of 112)" in texts
  assert any("not measured here: LaBSE, from arXiv 2007.01852" in text for text in texts)
  (test,) = result["comparisons"]
  assert test["average"]["difference"]["value"] == pytest.approx(good - weak)
  assert test["average"]["p"] < 0.001 and "< 0.001" in texts
  assert "Cyrillic (1)" in texts and "Latin (2)" in texts


def test_groups_are_shown_beside_each_other(folder):
  models = json.loads((folder / "both.json").read_text("utf-8"))["models"]
  for result in models.values():
    result |= {"groups": {"14": result["average"]}}
  beside = evaluation_page.models_side_by_side(models, [], {})
  assert [row[0] for row in beside.groups.rows] == ["group 14 (3)"]


def test_one_model_keeps_its_form_and_paired_keys_stay_out(folder, tmp_path):
  argv = ["--suite", "tatoeba", "--data", str(folder / "data")]
  argv += ["--model", f"{folder}/good.npy", "--output", f"{tmp_path}/one.json"]
  evaluate.main(argv)
  result = json.loads((tmp_path / "one.json").read_text("utf-8"))
  assert list(result)[:3] == ["suite", "results", "average"]
  both = json.loads((folder / "both.json").read_text("utf-8"))["models"]["good"]
  assert both["results"] == result["results"] and both["average"] == result["average"]
  assert not {"outcomes", "draws"} & {*result, *both}


def test_a_suite_without_translations_says_so_and_keeps_no_vector(folder, tmp_path, monkeypatch):
  monkeypatch.setattr(evaluate, "_remembering", None)
  rows = "".join(f"{n % 5}\técrit {n}\tслово {n}\n" for n in range(COUNT))
  (tmp_path / "set.tsv").write_text(rows, "utf-8")
  argv = ["--suite", "sts", "--data", str(tmp_path), "--model", f"{folder}/good.npy"]
  argv += ["--output", f"{tmp_path}/s.json", "--report", f"{tmp_path}/s.html"]
  evaluate.main(argv)
  texts = Document((tmp_path / "s.html").read_text("utf-8")).texts
  assert any("suites that keep pairs of translations in memory" in text for text in texts)


def made_up(name):
  """A model's result and the look of its vectors, with `name` wherever a user's text can stand."""
  result = {
    "suite": name,
    "results": {name: {"accuracy": 0.9}, "fra": {"accuracy": 0.1}},
    "average": {"accuracy": 0.5},
    "groups": {name: {"accuracy": 0.5, "languages": 2}},
    "skipped": {name: 2},
    "model": name,
  }
  shown = {
    "scripts": {name: name, "fra": "Han"},
    "heat": {"languages": [name, "fra"], "texts": [name, name], "similarity": np.eye(2)},
    "projection": {
      "sentences": [name],
      "sentence": [0, 0],
      "language": [name, "fra"],
      "points": np.eye(2),
      "share": [0.5, 0.5],
    },
    "hubs": {name: {"forward": 1.0, "backward": 0.0, "hub": name, "found": 1, "queries": 2}},
  }
  return result, shown


def test_no_text_of_a_user_is_read_as_html():
  script = "<script>alert(1)<!--"
  first, first_shown = made_up(f"{script}a")
  second, second_shown = made_up(f"{script}b")
  test = {"average": {"difference": 0.5, "p": 0.5}, "results": {script: {"difference": 0.5}}}
  published = {f"{script}c": {"source": script, "average": 0.5, "results": {}}}
  text = evaluation_page.page_of(
    {"a": first, "b": second},
    {"a": first_shown, "b": second_shown},
    [{"models": ["a", "b"], **test}],
    published,
  )
  document = Document(text)
  assert not document.open and "<script" not in text.lower()
  assert "script" not in dict(document.tags)
  for part in (
    f"Accuracy by language: {script}a",  # Where names of models stand.
    f"{script}a − {script}b by language",
    f"{script}c (published)",
    f"Published, not measured here: {script}c, from {script}.",
    f"group {script}a (2)",
    f"{script}a (1)",  # A script of the map.
  ):
    assert part in document.texts, part
  # Of each model: its language in the map and in tables, its texts, its hub, how it was measured.
  assert document.texts.count(f"{script}a") > 5


def test_languages_stand_by_script_and_are_dark_where_they_are_good():
  result, shown = made_up("deu")
  groups = evaluation_page.language_map(result, {"deu": "Latin", "fra": "Han"})
  assert groups == {
    "Han": [("French (fra)", "0.10", 0.1)],
    "Latin": [("German (deu)", "0.90", 0.9)],
  }
  text = evaluation_page.page_of({"m": result}, {"m": shown}, [], {})
  assert 'class="square dark"\n style="--shade: 0.90"><b>German (deu)</b>0.90' in text
  assert 'class="square"\n style="--shade: 0.10"><b>French (fra)</b>0.10' in text


@pytest.mark.parametrize(
  ("paths", "names"),
  [
    ({"m": "runs/quickstart/model"}, {"m": "quickstart"}),
    ({"/x/a.npy": "/x/a.npy"}, {"/x/a.npy": "a"}),
    ({"a": "x/e5-small", "b": "model"}, {"a": "e5-small", "b": "model"}),
    ({"a": "one/model", "b": "two/model"}, {"a": "one", "b": "two"}),
    ({"x/m": "x/m", "y/m": "y/m"}, {"x/m": "x/m", "y/m": "y/m"}),
  ],
)
def test_a_model_is_called_by_a_name(paths, names):
  assert evaluation_page.short_names(paths) == names


def test_no_path_and_no_pivot_is_in_the_way(folder):
  text = (folder / "both.html").read_text("utf-8")
  document = Document(text)
  assert "pivot" not in text.partition("How it was measured")[0]
  assert any("tatoeba: good, weak" in shown for shown in document.texts)
  assert "French (fra)" in document.texts and "fra" not in document.texts


@pytest.fixture
def browser(tmp_path):
  """browser(flag, ..., url) -> what Chromium prints."""
  program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
  if program is None:
    pytest.skip("no Chromium is installed")
  still = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
  command = [program, *still, f"--user-data-dir={tmp_path}/profile"]

  def run(*words):
    done = subprocess.run([*command, *words], check=True, capture_output=True, timeout=120)
    return done.stdout.decode()

  return run


@pytest.mark.heavy
def test_it_fits_a_phone(folder, tmp_path, browser):
  """In a frame, as Chromium's own window cannot be so narrow; its script reads the page's width."""
  script = "onload = () => { document.title = f.contentDocument.documentElement.scrollWidth }"
  page = (folder / "both.html").as_uri()
  frame = f'<iframe id="f" width="400" height="900" src="{page}"></iframe>'
  (tmp_path / "frame.html").write_text(f"{frame}<script>{script}</script>")
  url = (tmp_path / "frame.html").as_uri()
  printed = browser("--allow-file-access-from-files", "--dump-dom", url)
  assert re.search(r"<title>(\d+)</title>", printed)[1] == "400"


def test_a_browser_shows_it(folder, tmp_path, browser):
  picture = f"--screenshot={tmp_path}/page.png"
  browser("--window-size=1100,6000", picture, (folder / "both.html").as_uri())
  pixels = image.imread(tmp_path / "page.png")[..., :3]
  assert pixels.shape[:2] == (6000, 1100)
  # Rows with ink all the way down, and nothing that runs out of the page's sides.
  inked = (pixels.min(axis=2) < 0.9).any(axis=1)
  assert inked[:3000].mean() > 0.5 and inked[3000:].mean() > 0.3
  assert (pixels[:, :10] == 1).all() and (pixels[:, -10:] == 1).all()
