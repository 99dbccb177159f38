"""The rule of the layout: a file at the top is a command, and imports go down."""

import ast
import pathlib

import pytest

from tests.support.places import ROOT

PACKAGE = ROOT / "labse_jax"
# From the ground up: a folder imports from lower floors and from itself alone.
FLOORS = (
  {"base"},
  {"data", "models", "neighbours", "tokenizer", "planning"},
  {"configs", "losses", "model_folder"},
  {"encoding"},
  {"evaluation", "mining", "supervision", "surgery", "training"},
  {"evaluators", "pages", "tasks"},
)
FACE = {"__init__", "__main__"}
COMMANDS_OF_COMMANDS = {("plan", "train")}  # plan compiles the very step of train.
OTHERS = {"tensorflow", "torch", "transformers", "sentence_transformers"}
MOST_FILES = 15
FILES = sorted(PACKAGE.rglob("*.py"))


def floor(name):
  return next(number for number, folders in enumerate(FLOORS) if name in folders)


def imported(path):
  """The names of the modules that a file imports, late imports too, each with its line."""
  for node in ast.walk(ast.parse(path.read_text("utf-8"))):
    if isinstance(node, ast.Import):
      yield from ((alias.name, node.lineno) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      yield node.module, node.lineno
      yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def rooms_imported(path):
  """The first parts below labse_jax of what a file imports: folders, or files at the top."""
  for name, line in imported(path):
    root, *rest = name.split(".")
    if root == "labse_jax" and rest:
      room = rest[0]
      if (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").exists():
        yield room, line


def commands():
  from labse_jax.__main__ import VERBS

  return set(VERBS)


def test_a_file_at_the_top_is_a_command_or_its_flags():
  top = {path.stem for path in PACKAGE.glob("*.py")}
  assert {name.removesuffix("_flags") for name in top} == commands() | FACE


def test_every_folder_has_a_floor_and_no_command_has_its_name():
  folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
  assert folders == set().union(*FLOORS)
  assert not folders & commands()


def test_the_picture_of_the_floors_is_right():
  """CONTRIBUTING.md draws the highest floor first."""
  page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
  picture = page.split("```text\n")[1].split("```")[0]
  drawn = [set(line.split()) for line in picture.splitlines() if line.strip() not in ("", "|")]
  assert drawn == [{"the", "commands"}, *reversed(FLOORS)]
  assert f"at most {MOST_FILES} files" in page


def test_a_folder_holds_few_files():
  counts = {}
  for path in FILES:
    counts[path.parent] = counts.get(path.parent, 0) + 1
  # The face and the commands are the one room that is not sorted further.
  del counts[PACKAGE]
  many = {str(folder): count for folder, count in counts.items() if count > MOST_FILES}
  assert not many


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
  parts = path.relative_to(PACKAGE).parts
  in_folder = len(parts) > 1
  wrong = []
  for room, line in rooms_imported(path):
    if room in commands() | FACE:
      if in_folder:
        wrong.append(f"line {line}: no folder knows the command {room}")
      elif path.stem not in FACE and (path.stem, room) not in COMMANDS_OF_COMMANDS:
        wrong.append(f"line {line}: the command {path.stem} knows the command {room}")
    elif in_folder and room != parts[0] and floor(room) >= floor(parts[0]):
      wrong.append(f"line {line}: {room} is not below {parts[0]}")
  assert not wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_who_may_import_what(path):
  roots = {name.split(".")[0] for name, _ in imported(path) if name}
  if path.parent.name != "models":
    assert "flax" not in roots, "flax belongs in models/"
  if path.name != "tensorflow_checkpoint.py":
    assert not roots & OTHERS


def test_a_test_stands_where_its_module_stands():
  own = {"benchmarks", "commands", "support", "whole"}
  tests = ROOT / "tests"
  for path in tests.rglob("*_test.py"):
    folder = path.parent.relative_to(tests)
    if folder != pathlib.Path() and folder.parts[0] not in own:
      assert (PACKAGE / folder).is_dir(), f"{path}: labse_jax/ has no folder {folder}"


def assignments():
  """Every plain assignment of the package, with its file."""
  for path in FILES:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
      if isinstance(node, ast.Assign):
        yield path, node


def is_packed(node):
  """Whether a tuple that is written out is assigned to a tuple of targets: `a, b = 1, 2`."""
  to_tuple = any(isinstance(target, ast.Tuple) for target in node.targets)
  return to_tuple and isinstance(node.value, ast.Tuple)


def test_one_thought_a_statement():
  packed = [f"{path}:{node.lineno}" for path, node in assignments() if is_packed(node)]
  lines = sum(path.read_text("utf-8").count("\n") for path in FILES)
  assert 1000 * len(packed) <= 2 * lines, packed


def test_a_function_with_a_name_is_no_lambda():
  named = [
    f"{path}:{node.lineno}" for path, node in assignments() if isinstance(node.value, ast.Lambda)
  ]
  assert not named


def test_the_formatter_has_the_last_word():
  places = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
  skip = "fmt: " + "skip"
  assert not [str(path) for path in places if skip in path.read_text("utf-8")]
