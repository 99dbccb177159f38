"""Experiments are found from any folder, in a clone and where the package is installed."""

import pytest

from labse_jax.base.errors import InputError
from labse_jax.configs import experiment_files
from labse_jax.configs.arguments import sibling
from labse_jax.configs.experiment_files import located, names
from tests.support.places import ROOT


@pytest.mark.parametrize(
  ("path", "file"),
  [
    ("experiments/quickstart.py", "quickstart.py"),
    ("quickstart.py", "quickstart.py"),
    ("finetune", "finetune.py"),
    ("experiments/labse/paper.py", "labse/paper.py"),
  ],
)
def test_an_experiment_is_found_from_any_folder(path, file, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  assert located(path) == ROOT / "experiments" / file
  # One experiment still finds the one beside it.
  assert sibling(located(path), "../quickstart" if "/" in file else "quickstart").get_config("")


def test_a_person_s_own_file_comes_first(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv("HOME", str(tmp_path))
  (tmp_path / "experiments").mkdir()
  (tmp_path / "experiments" / "quickstart.py").write_text("")
  assert located("experiments/quickstart.py").resolve() == tmp_path / "experiments/quickstart.py"
  assert located("~/experiments/quickstart.py") == tmp_path / "experiments/quickstart.py"


def test_those_of_an_installed_package_lie_within_it(tmp_path, monkeypatch):
  inside = tmp_path / "labse_jax" / "experiments"
  inside.mkdir(parents=True)
  (inside / "__init__.py").write_text("")
  (inside / "mine.py").write_text("")
  monkeypatch.setattr(experiment_files, "FOLDERS", (tmp_path / "experiments", inside))
  assert located("experiments/mine.py") == inside / "mine.py"
  assert names() == ["experiments/mine.py"]


@pytest.mark.parametrize(
  ("path", "words"),
  [
    ("experiments/quickstrat.py", "did you mean experiments/quickstart.py?"),
    ("papr.py", "did you mean experiments/labse/paper.py?"),
    ("zzzz.py", "there are experiments/ablations/batch_size.py, "),
    ("nope/dir/my.py", "there are experiments/ablations/batch_size.py, "),  # Not imascl/tcm.py.
    ("/nowhere/quickstart.py", "did you mean experiments/quickstart.py?"),
  ],
)
def test_an_unknown_one_is_told_with_where_it_was_looked_for(path, words, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(InputError) as error:
    located(path)
  said = str(error.value)
  assert said.startswith(f"{path}: no such config file in the folder that you are in and ")
  assert words in said and str(ROOT / "experiments") in said
