"""Sections of a config become the arguments of a function, or one line says why not."""

import pathlib

import pytest

from labse_jax.base.errors import InputError
from labse_jax.supervision import settings


def function(dataset, *, model, k=1):
  """Whatever takes a section."""


def arguments(**section):
  return settings.arguments(
    "teacher", section, function, given=["dataset"], more=["every"], needed=["model"]
  )


def test_keys_are_the_parameters_and_what_goes_elsewhere():
  assert arguments(model="m", k=2, every=3) == {"model": "m", "k": 2, "every": 3}
  with pytest.raises(InputError, match="name in config.teacher 'modle'; did you mean 'model'"):
    arguments(modle="m")
  with pytest.raises(InputError, match="'dataset'"):
    arguments(model="m", dataset="d")
  with pytest.raises(InputError, match=r"config.teacher lacks \['model'\]"):
    arguments(model="", k=2)


@pytest.mark.parametrize(
  "kind, right, wrong",
  [
    ("a whole number", [0, 5], ["5", 5.0, True, None]),
    ("a number", [0, 0.5], ["0.5", True, None]),
    ("a text or None", ["a", None], [5]),
    ("a folder", ["a", pathlib.Path("a")], [5, None]),
    ("a list of texts", [("eng", "deu"), [], ["eng"]], ["eng", 5, (5,)]),
  ],
)
def test_kinds(kind, right, wrong):
  for value in right:
    settings.check_kinds("teacher", {"k": value}, {"k": kind, "absent": kind})
  for value in wrong:
    with pytest.raises(InputError, match=f"config.teacher.k = .*: {kind} is needed"):
      settings.check_kinds("teacher", {"k": value}, {"k": kind})
