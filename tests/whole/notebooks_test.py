"""The notebooks, executed in their small form, as a person would from top to bottom."""

import subprocess
import sys

import nbformat
import pytest

from tests.support.places import ROOT

NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"


def test_is_stored_without_outputs():
  cells = nbformat.read(NOTEBOOK, as_version=4).cells
  code = [cell for cell in cells if cell.cell_type == "code"]
  assert code
  assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
  """(the executed notebook, its folder), run on the first of the quickstart's packages."""
  from nbclient import NotebookClient

  folder = tmp_path_factory.mktemp("notebook")
  for name in ("experiments", "launch"):
    (folder / name).symlink_to(ROOT / name)
  _download_or_skip(folder)
  notebook = nbformat.read(NOTEBOOK, as_version=4)
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("LABSE_SMALL", "1")
    patch.setenv("PYTHONPATH", str(ROOT))
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
  return notebook, folder / "runs" / "quickstart_small"


@pytest.mark.heavy
def test_makes_all_that_the_quickstart_makes(executed):
  _, run = executed
  for name in ("model/modules.json", "evaluation.json", "report.html", "metrics.jsonl"):
    assert (run / name).stat().st_size > 0, name


@pytest.mark.heavy
def test_shows_the_table_the_plots_and_the_similarities(executed):
  notebook, run = executed
  text = "".join(out.get("text", "") for out in _outputs(notebook))
  assert "accuracy" in text and "average" in text
  images = [out for out in _outputs(notebook) if "image/png" in out.get("data", {})]
  assert len(images) == len(list((run / "plots").glob("*.png"))) >= 2
  german = "Die Datei wurde nicht gefunden."
  rows = [line.split() for line in text.splitlines() if line.endswith(german)]
  assert [row[1] for row in rows] == ["1.00"]  # A sentence beside itself, on the diagonal.


@pytest.mark.heavy
def test_sentence_transformers_opens_the_folder(executed):
  pytest.importorskip("sentence_transformers")
  notebook, _ = executed
  last = "".join(out.get("text", "") for out in notebook.cells[-1].outputs)
  assert float(last.split("largest difference:")[1].split()[0]) < 1e-5


def _outputs(notebook):
  return [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]


def _download_or_skip(folder):
  lines = (ROOT / "launch" / "locks" / "catalogues.txt").read_text().splitlines()
  wheel = folder / "catalogues.txt"
  wheel.write_text(next(line for line in lines if line.startswith("django==")))
  command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--retries=1"]
  command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(wheel)]
  command += ["--dest", str(folder / "runs/quickstart_small/wheels")]
  if subprocess.run(command, check=False).returncode:
    pytest.skip("no package registry: the notebook's corpus cannot be downloaded")
