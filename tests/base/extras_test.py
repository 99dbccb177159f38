"""Which missing module is said to come with which extra."""

import pytest

from labse_jax.base import extras


def missing(name):
  return ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
  ("name", "extra"), [("matplotlib", "report"), ("faiss", "faiss"), ("orbax.checkpoint", "train")]
)
def test_a_library_that_an_extra_brings_is_named_with_it(name, extra):
  library = name.partition(".")[0]
  expected = f"{library} is missing, which the extra {extra!r} brings"
  assert extras.explanation(missing(name)) == f"{expected}: pip install 'labse_jax[{extra}]'"


@pytest.mark.parametrize(
  "error",
  [
    missing("my_module"),
    missing("optax.of_a_newer_version"),  # optax is there.
    missing(None),
    ImportError("cannot import name 'adamw' from 'optax'", name="optax"),
  ],
)
def test_whatever_else_cannot_be_imported_keeps_its_traceback(error):
  assert extras.explanation(error) is None


def test_what_an_extra_lacks_is_raised_before_the_work(monkeypatch):
  extras.check("report")
  monkeypatch.setitem(extras.EXTRAS, "no_such_library", "report")
  with pytest.raises(ModuleNotFoundError, match="no_such_library"):
    extras.check("report")
