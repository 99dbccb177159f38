"""benchmarks/accelerator/: every file can be imported, and the kit's small form runs on a CPU."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.support import tiny
from tests.support.places import ROOT

FOLDER = ROOT / "benchmarks" / "accelerator"
FILES = sorted(FOLDER.rglob("*.py"))
LISTED = re.search(r"SECTIONS = \((.*?)\)", (FOLDER / "kit.py").read_text(), re.DOTALL)[1]
SECTIONS = re.findall(r'"(\w+)"', LISTED)


def module_of(path):
  """The name that the files of the folder import each other by."""
  return ".".join(path.relative_to(FOLDER).with_suffix("").parts).removesuffix(".__init__")


def run(*command, **environment):
  return subprocess.run(
    command, cwd=ROOT, env=os.environ | environment, text=True, capture_output=True, check=False
  )


@pytest.mark.heavy
def test_each_file_can_be_imported():
  names = [module_of(path) for path in FILES]
  assert "kit" in names and "sections.train" in names and "kernel_times" in names
  code = f"import importlib\nfor name in {names}: importlib.import_module(name)"
  done = run(sys.executable, "-c", code, PYTHONPATH=f"{FOLDER}:{ROOT}")
  assert done.returncode == 0, done.stderr[-2000:]


def test_both_scripts_of_the_kit_have_the_same_sections():
  timed = re.findall(r"\b([a-z]+):\d+\b", (FOLDER / "kit.sh").read_text())
  assert timed == SECTIONS
  files = {path.stem for path in (FOLDER / "sections").glob("*.py")}
  assert len(SECTIONS) == 11 and files >= set(SECTIONS)


@pytest.mark.parametrize(
  ("command", "environment", "message"),
  [
    (["pack.sh", "--wheel"], {}, "unknown argument '--wheel'"),
    (["pack.sh"], {"RUN": "nowhere"}, "nowhere/data/dataset_info.json: is not there"),
    (["kit.sh", "trian"], {}, "unknown section 'trian'; choose from ceilings"),
  ],
)
def test_a_wrong_word_is_one_line_and_status_2(command, environment, message):
  script, *arguments = command
  done = run("bash", FOLDER / script, *arguments, LABSE_PYTHON=sys.executable, **environment)
  assert done.returncode == 2
  assert message in done.stderr and done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
  """(the folder of a small run, the kit that was packed of it)."""
  folder = tmp_path_factory.mktemp("kit")
  tiny.make(folder)
  held_out = folder / "data" / "held_out"
  held_out.mkdir()
  for number, pair in enumerate(tiny.pairs(300, seed=3)):
    stem = f"tatoeba.{pair.target_language}-eng"
    for ending, text in ((pair.target_language, pair.target), ("eng", pair.source)):
      with open(held_out / f"{stem}.{ending}", "a", encoding="utf-8") as file:
        file.write(f"{text} {number}\n")
  done = run(
    "bash",
    FOLDER / "pack.sh",
    "--no-wheels",
    RUN=str(folder),
    KIT=str(folder / "packed"),
    LABSE_PYTHON=sys.executable,
  )
  assert done.returncode == 0, done.stderr
  return folder, folder / "packed"


@pytest.mark.heavy
def test_the_kit_is_whole(packed):
  _, kit = packed
  names = {path.name for path in kit.iterdir()}
  assert {"kit.sh", "kit.py", "sections", "pairs.jsonl.zst", "lines.txt", "vocabulary"} <= names
  assert (kit / "lines.txt").read_text().count("\n") == 600


@pytest.mark.slow
def test_the_small_form_runs_on_a_cpu(packed):
  folder, kit = packed
  done = run(
    "bash",
    kit / "kit.sh",
    KIT_SMALL="1",
    JAX_PLATFORMS="cpu",
    WORK=str(folder / "work"),
    PYTHON=sys.executable,
  )
  assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
  results = json.loads((folder / "work" / "out" / "results.json").read_text())
  assert set(SECTIONS) - {"summary"} <= set(results)
  assert not any(section.get("failures") for section in results.values())
  for name in ("log.txt", "trace.tar.gz", "report.html"):
    assert (folder / "work" / "out" / name).stat().st_size > 0
