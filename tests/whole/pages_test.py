"""The pages for readers: their commands are parsed and run, their links lead somewhere."""

import gzip
import importlib
import importlib.util
import lzma
import re
import shutil
import tomllib

import pytest

from labse_jax import plan_flags
from labse_jax.__main__ import VERBS
from labse_jax.base.command import Command
from labse_jax.configs.command_line import config_command
from labse_jax.configs.command_line import parse as parse_config
from labse_jax.evaluators.tatoeba import GROUPS
from tests.support.needs import need_torch
from tests.support.places import ROOT
from tests.support.written_pages import (
  PAGES,
  anchors,
  commands,
  links,
  name,
  python_blocks,
)

COMMANDS = [(name(page), words) for page in PAGES for words in commands(page)]
LIST = ROOT / "docs" / "README.md"
RESULTS = ROOT / "results"
# Those that a tiny model runs in seconds. Of a training, the config is made.
RUN = {"prepare", "vocabulary", "teach", "hard_negatives", "encode", "search", "mine", "align"}
RUN |= {"evaluate", "extend", "trim"}
CONFIGS = {"train", "plan"}
FOLDERS = ("FOLDER", "OTHER", "TEACHER", "LaBSE", "runs/quickstart/model")
FOLDERS += ("runs/mine/model", "runs/mine/tuned/model")  # What the trainings make.
# What suits a text of some hundred lines, and a model that knows nothing.
SMALLER = {"16000": "250", "2000": "20", "500": "20", "1.06": "1.0"}
MOST_COLUMNS = 100


class Parsed(Exception):
  """Ends a command once its words are parsed."""


def ids(value):
  return value if isinstance(value, str) else " ".join(value)


def test_the_pages_have_commands():
  assert len(COMMANDS) > 40
  assert {words[0] for _, words in COMMANDS} >= RUN | CONFIGS


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=ids)
def test_a_command_is_parsed_by_its_verb(page, words, monkeypatch):
  parse = Command.parse

  def parse_and_stop(self, words):
    parse(self, words)
    raise Parsed

  monkeypatch.setattr(Command, "parse", parse_and_stop)
  verb, *rest = words
  assert verb in VERBS
  with pytest.raises(Parsed):
    importlib.import_module(f"labse_jax.{verb}").main(rest)


@pytest.mark.parametrize(
  ("page", "words"), [one for one in COMMANDS if one[1][0] in CONFIGS], ids=ids
)
def test_the_config_of_a_training_is_made(page, words, place, monkeypatch):
  monkeypatch.chdir(place)
  verb, *rest = here(words)
  parser = plan_flags.parser()
  if verb == "train":
    parser = config_command(verb, "")
    parser.add("--workdir")
  if "--fields" in rest:
    rest.remove("--fields")
  config, _ = parse_config(parser, rest)
  assert config.task in ("dual_encoder", "pretrain")


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_folder, real_lines):
  """A folder with all files that the pages name, and a tiny model for each that they name."""
  root = tmp_path_factory.mktemp("place")
  for folder in FOLDERS:
    (root / folder).parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(tiny_folder, root / folder)
  for folder in ("experiments", "labse_jax"):
    (root / folder).symlink_to(ROOT / folder)
  lines = [line for line in real_lines if "\t" not in line]
  write_texts(root, lines)
  write_benchmarks(root, lines)
  loss, *_ = python_blocks(ROOT / "docs" / "a_loss_of_your_own.md")
  (root / "ranking_margin.py").write_text(loss, "utf-8")
  return root


def write_texts(root, lines):
  """The texts of a person."""
  plain = {"lines.txt": lines[:300], "queries.txt": lines[5:9], "kabyle.txt": lines[:80]}
  plain |= {"de.txt": lines[:80], "book.de": lines[:12], "book.en": lines[2:12]}
  plain |= {"wiki.eng.txt": lines[:90], "wiki.deu.txt": lines[90:180]}
  for file, text in plain.items():
    (root / file).write_text("\n".join(text) + "\n", "utf-8")
  with lzma.open(root / "en.txt.xz", "wt", encoding="utf-8") as file:
    file.write("\n".join(f"{line}!" for line in lines[20:120]))
  with lzma.open(root / "wiki.txt.xz", "wt", encoding="utf-8") as file:
    file.write("\n".join(lines[:90]))
  with gzip.open(root / "my.tsv.gz", "wt", encoding="utf-8") as file:
    file.write("\n".join(f"{line}\t{line[::-1]}" for line in lines[:200]))


def write_benchmarks(root, lines):
  """Two benchmarks, of sentences that the texts do not have."""
  (root / "tatoeba").mkdir()
  for language in GROUPS["14"]:
    for side in (language, "eng"):
      path = root / "tatoeba" / f"tatoeba.{language}-eng.{side}"
      path.write_text("\n".join(lines[400:430]), "utf-8")
  (root / "ntrex").write_text("\n".join(lines[430:460]), "utf-8")


def here(words):
  """A page's command with numbers for a small text."""
  return [SMALLER.get(word, word) for word in words]


@pytest.mark.heavy
@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_quick_commands_run(page, place, monkeypatch, capsys):
  """They run in their order: each goes on with what those before it wrote."""
  monkeypatch.chdir(place)
  prepare_what_the_page_takes_for_granted(place)
  for verb, *rest in map(here, commands(page)):
    if verb not in RUN or "-h" in rest or "--help" in rest:
      continue
    if "--language-id" in rest and importlib.util.find_spec("py3langid") is None:
      continue
    status = importlib.import_module(f"labse_jax.{verb}").main(rest)
    # So few lines are too few to be sure of a precision.
    assert status in ((0, None, 3) if "--precision" in rest else (0, None)), (verb, *rest)
    assert "Traceback" not in capsys.readouterr().err


def prepare_what_the_page_takes_for_granted(place):
  """What other pages make: a dataset, vectors, mined pairs, another system's vectors."""
  import numpy as np

  from labse_jax import encode, evaluate, mine, prepare

  if (place / "texts.npy").exists():
    return
  languages = ("--source-language", "eng", "--target-language", "deu")
  prepare.main(["--input", "my.tsv.gz", *languages, "--output", "runs/mine/data"])
  model = ("--model", "FOLDER")
  encode.main([*model, "--input", "lines.txt", "--output", "lines.npy"])
  mine.main([*model, "--source", "de.txt", "--target", "en.txt.xz", "--output", "pairs.tsv"])
  evaluate.main(["--suite", "tatoeba", "--data", "tatoeba", "--write-texts", "texts.txt"])
  count = len((place / "texts.txt").read_text("utf-8").splitlines())
  vectors = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
  np.save(place / "texts.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


BLOCKS = [(name(page), block) for page in PAGES for block in python_blocks(page)]


def test_the_pages_have_python():
  assert len(BLOCKS) > 4


@pytest.mark.heavy
@pytest.mark.parametrize("page", sorted({page for page, _ in BLOCKS}))
def test_the_python_of_a_page_runs(page, place, monkeypatch):
  """The blocks of a page run one after another, as a reader would type them."""
  monkeypatch.chdir(place)
  prepare_what_the_page_takes_for_granted(place)
  names = {"__name__": page}
  for block in (block for one, block in BLOCKS if one == page):
    # A name on the hub is a tiny folder here, and nothing is fetched.
    block = block.replace('"sentence-transformers/LaBSE"', '"LaBSE"')
    if "import mteb" in block:
      continue  # It fetches its data; tests/encoding/mteb_test.py has tasks of its own.
    if "sentence_transformers" in block:
      need_torch()
    exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
  for path, anchor in links(page):
    target = (page.parent / path).resolve() if path else page
    assert target.exists(), path
    if anchor:
      assert anchor in anchors(target), f"{path}#{anchor}"


def test_the_list_of_pages_has_them_all():
  listed = [path for path, _ in links(LIST) if "/" not in path]
  assert sorted(set(listed)) == sorted(page.name for page in LIST.parent.glob("[a-z]*.md"))


def test_the_list_of_results_has_them_all():
  listed = {path for path, _ in links(RESULTS / "README.md") if path.endswith(".json")}
  assert listed == {str(path.relative_to(RESULTS)) for path in RESULTS.rglob("*.json")}


@pytest.mark.parametrize("page", sorted(LIST.parent.glob("*.md")), ids=name)
def test_prose_is_wrapped(page):
  prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
  lines = [line for line in prose.splitlines() if not line.startswith(("|", "    "))]
  assert not [line for line in lines if len(line) > MOST_COLUMNS]


def test_the_page_on_installation_has_every_extra():
  text = (ROOT / "docs" / "installation.md").read_text("utf-8")
  project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
  table = re.search(r"\| extra \|.*?\n\n", text, re.S)[0]
  extras = re.findall(r"^\| `([\w-]+)` \|", table, re.M)
  assert sorted(extras) == sorted(project["optional-dependencies"])
