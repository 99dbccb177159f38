"""Losses, tasks and evaluators by the names of their files."""

import pytest

from labse_jax.base import plugins
from labse_jax.base.errors import InputError


def test_modules_of_a_folder_are_listed_without_its_packages():
  names = plugins.names("losses")
  assert "margin_softmax" in names
  assert "__init__" not in names and "shared" not in names


@pytest.mark.parametrize(
  ("folder", "name"),
  [("losses", "sigmoid"), ("tasks", "dual_encoder"), ("evaluators", "tatoeba")],
)
def test_a_module_is_found_by_its_name(folder, name):
  assert plugins.chosen(folder, name).__name__ == f"labse_jax.{folder}.{name}"


@pytest.mark.parametrize(
  ("folder", "name", "message"),
  [
    ("losses", "sigmoidd", "Unknown loss 'sigmoidd'; did you mean 'sigmoid'?"),
    ("tasks", "dual_encoders", "Unknown task 'dual_encoders'; did you mean 'dual_encoder'?"),
    ("evaluators", "shared", "Unknown evaluator 'shared'"),
  ],
)
def test_an_unknown_name_is_said_with_the_nearest(folder, name, message):
  with pytest.raises(InputError) as error:
    plugins.chosen(folder, name)
  assert message in str(error.value)


@pytest.fixture
def own(tmp_path, monkeypatch):
  """A person's own loss, in the folder that the command runs in."""
  monkeypatch.chdir(tmp_path)
  path = tmp_path / "my_loss.py"
  path.write_text("def my_loss(x_bD):\n  return 1\n\n\ndef other():\n  pass\n")
  return path


@pytest.mark.parametrize("name", ["my_loss.py", "./my_loss.py", "~/my_loss.py"])
def test_a_file_of_ones_own_is_found_by_its_path(own, name, monkeypatch):
  monkeypatch.setenv("HOME", str(own.parent))
  assert plugins.part("losses", name, plugins.stem(name))(0) == 1
  assert plugins.content_hash(name) == plugins.content_hash(str(own))
  # The same functions each time, or what is compiled for one is compiled again.
  assert plugins.chosen("losses", name) is plugins.chosen("losses", str(own))


def test_a_changed_file_is_another(own):
  before = plugins.content_hash("my_loss.py")
  own.write_text(own.read_text().replace("1", "2"))
  assert plugins.content_hash("my_loss.py") != before
  assert plugins.part("losses", "my_loss.py", "my_loss")(0) == 2
  assert plugins.content_hash("sigmoid") is None


@pytest.mark.parametrize(
  ("name", "text", "message"),
  [
    ("a/b.py", None, "a/b.py: no such file for a loss (looked for /"),
    ("./my_loss", None, "/my_loss); did you mean my_loss.py?"),
    ("one.py", None, "/one.py)."),  # The ending alone is like that of my_loss.py.
    ("a.py", "def b():\n  pass", "a.py: must define a, the name of its file; it defines b."),
    ("a.py", "", "a.py: must define a, the name of its file; it defines nothing."),
    ("a.py", "\ndef a(:", "a.py:2: invalid syntax."),
    ("a.py", "\nimport none_such", "a.py:2: ModuleNotFoundError: No module named 'none_such'"),
  ],
)
def test_a_file_that_will_not_do_is_one_line(own, name, text, message):
  if text is not None:
    (own.parent / name).write_text(text)
  with pytest.raises(InputError) as error:
    plugins.part("losses", name, plugins.stem(name))
  assert message in str(error.value) and "\n" not in str(error.value)


def test_a_folder_is_no_file_to_hint_at(own):
  (own.parent / "yours.py").mkdir()
  with pytest.raises(InputError, match=r"/your\.py\)\.$"):
    plugins.file_of("your.py", "loss")


def test_a_task_and_an_evaluator_may_be_files_too(own):
  own.write_text("class Task:\n  pass\n")
  assert plugins.part("tasks", "my_loss.py", "Task").__name__ == "Task"
  with pytest.raises(InputError, match="my_loss.py: must define Evaluator; it defines Task."):
    plugins.part("evaluators", "my_loss.py", "Evaluator")


@pytest.mark.parametrize("name", [None, 3])
def test_what_is_no_name_is_refused_in_one_line(name):
  with pytest.raises(InputError, match=f"Unknown loss {name}. Choose from"):
    plugins.chosen("losses", name)
  assert plugins.content_hash(name) is None
