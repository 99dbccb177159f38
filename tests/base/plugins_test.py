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
