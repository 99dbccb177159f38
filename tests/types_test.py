"""Every public function says the types that it takes and gives."""

import ast

import pytest

from tests.support.places import ROOT

PACKAGE = ROOT / "labse_jax"
FILES = sorted(PACKAGE.rglob("*.py"))
SPECIAL = {"__init__", "__call__"}  # Of the names with underscores, those that a person calls.


def public(tree):
  """The functions of a module and the methods of its classes that others may call."""
  for node in tree.body:
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
      yield from ((function, True) for function in functions(node))
    elif isinstance(node, ast.If | ast.Try):
      yield from public(node)
  yield from ((function, False) for function in functions(tree))


def functions(node):
  for part in node.body:
    is_function = isinstance(part, ast.FunctionDef)
    if is_function and (part.name in SPECIAL or not part.name.startswith("_")):
      yield part


def missing(function, is_method):
  """What of a function has no type: names of arguments, and "return"."""
  given = function.args
  names = [*given.posonlyargs, *given.args]
  static = any(getattr(mark, "id", "") == "staticmethod" for mark in function.decorator_list)
  if is_method and not static:
    names = names[1:]
  names += [*given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
  found = [one.arg for one in names if one.annotation is None]
  if function.returns is None and function.name != "__init__":
    found.append("return")
  return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_public_functions_have_types(path):
  untyped = [
    f"line {function.lineno}: {function.name}: {', '.join(missing(function, is_method))}"
    for function, is_method in public(ast.parse(path.read_text("utf-8")))
    if missing(function, is_method)
  ]
  assert not untyped


def test_the_package_says_that_it_is_typed():
  assert (PACKAGE / "py.typed").exists()


def test_what_has_no_type_is_found():
  code = "def f(a, *, b: int): ...\nclass C:\n  def g(self) -> int: ...\n  def h(self, x): ...\n"
  found = {function.name: missing(function, method) for function, method in public(ast.parse(code))}
  assert found == {"f": ["a", "return"], "g": [], "h": ["x", "return"]}
