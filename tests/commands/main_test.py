"""`labse-jax` itself: its verbs, its version, and a verb that there is not."""

import pytest

from labse_jax import __main__ as command
from labse_jax.base.errors import InputError
from labse_jax.base.version import __version__


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_the_help_names_every_verb(capsys, argv):
  assert command.main(argv) == 0
  shown = capsys.readouterr().out
  assert shown.startswith("usage: labse-jax VERB")
  assert "`labse-jax --version`" in shown
  for verb in command.VERBS:
    assert f"\n  {verb} " in shown


def test_the_version(capsys):
  assert command.main(["--version"]) == 0
  assert capsys.readouterr().out == f"labse-jax {__version__}\n"


def test_a_misspelt_verb_names_the_nearest():
  with pytest.raises(InputError, match="Unknown verb 'encde'; did you mean 'encode'"):
    command.main(["encde"])


@pytest.mark.parametrize("flag", ["--vers", "--verison", "-version", "-v"])
def test_a_misspelt_flag_names_the_nearest(flag):
  with pytest.raises(InputError) as error:
    command.main([flag])
  said = f"Unknown flag {flag!r}; did you mean '--version'? See `labse-jax --help`."
  assert str(error.value) == said
