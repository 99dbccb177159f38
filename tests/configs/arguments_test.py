"""An experiment's argument, and the experiment beside another."""

import pytest

from labse_jax.base.errors import InputError
from labse_jax.configs.arguments import parse_arg, sibling, split_arg


def test_options_have_the_types_of_their_defaults():
  options = parse_arg("a=3,b,c=x=y,d=1e-3", a=1, b=False, c="", d=0.1, e=4)
  assert options.to_dict() == {"a": 3, "b": True, "c": "x=y", "d": 1e-3, "e": 4}
  assert parse_arg(None, a=1).a == parse_arg("", a=1).a == 1
  assert parse_arg("b=false", b=True).b is False


@pytest.mark.parametrize(
  ("arg", "message"),
  [
    ("stepz=3", "Unknown option 'stepz' of the config; did you mean 'steps'?"),
    ("zzz=3", "Unknown option 'zzz' of the config; choose from ['runlocal', 'steps']."),
    ("steps=many", "steps=many: not of the kind int."),
    ("runlocal=maybe", "runlocal=maybe: not of the kind bool."),
  ],
)
def test_a_wrong_option_is_one_line(arg, message):
  with pytest.raises(InputError) as error:
    parse_arg(arg, steps=1, runlocal=False)
  assert str(error.value) == message


def test_an_argument_is_split_between_two_experiments():
  own, rest = split_arg("scale=20,steps=3,runlocal", scale=10.0)
  assert own.to_dict() == {"scale": 20.0} and rest == "steps=3,runlocal"


def test_the_experiment_beside_another_is_found_from_anywhere(tmp_path, monkeypatch):
  (tmp_path / "one.py").write_text("NUMBER = 7\n")
  monkeypatch.chdir("/")
  assert sibling(tmp_path / "other.py", "one").NUMBER == 7
