import pytest

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError
from labse_jax.base.version import __version__


def parser():
  command = Command("mend", "Mends things.")
  command.add("--input", old=["--text"], required=True, metavar="FILE", help="a file")
  command.add("--k", type=int, default=4, metavar="N", help="how many")
  command.add("--format", choices=("tsv", "tmx"), help="of the output")
  command.add("--quiet", action="store_true", help="say nothing")
  command.add_dtype()
  command.add_prompt()
  return command


def test_an_old_name_works_and_is_not_shown():
  new = parser().parse_args(["--input", "a", "--dtype", "bfloat16"])
  old = parser().parse_args(["--text", "a", "--precision", "bfloat16"])
  assert new == old
  shown = parser().format_help()
  assert "--text" not in shown
  assert "--precision" not in shown


def test_the_help_says_the_verb_and_each_default_once():
  shown = " ".join(parser().format_help().split())
  assert shown.startswith("usage: labse-jax mend ")
  assert "how many (default: 4)" in shown
  assert "(default: float32)" in shown
  assert "(default: None)" not in shown
  assert "(default: False)" not in shown


def test_the_version(capsys):
  with pytest.raises(SystemExit) as stopped:
    parser().parse_args(["--version"])
  assert stopped.value.code == 0
  assert capsys.readouterr().out == f"labse-jax {__version__}\n"


@pytest.mark.parametrize(
  "words, message",
  [
    (["--imput", "a"], "Unknown flag '--imput'; did you mean '--input'?"),
    (["--input=a", "--qiet"], "Unknown flag '--qiet'; did you mean '--quiet'?"),
    (["--k", "3"], "--input is missing"),
    (["--input", "a", "--k", "x"], "--k x: a whole number is needed"),
    (
      ["--input", "a", "--format", "tsw"],
      "--format tsw: choose from tsv, tmx; did you",
    ),
    # Bytes that are no UTF-8 arrive as stand-ins.
    (["--input", "a", "--prompt", "a\udcff"], r"--prompt a\udcff: Unicode text is needed"),
    (["--input"], "--input: expected one argument"),
    (["--input", "a", "b"], "unrecognized arguments: b"),
  ],
)
def test_what_is_wrong_is_one_line(words, message):
  with pytest.raises(InputError) as error:
    parser().parse_args(words)
  assert str(error.value).startswith(message)
  assert str(error.value).endswith("; see `labse-jax mend --help`.")


def test_a_value_may_look_like_a_flag():
  command = Command("mend", "Mends things.")
  command.add("rest", nargs="*")
  command.add("--prompt", metavar="TEXT")
  assert command.parse_args(["--prompt", "--a b"]).prompt == "--a b"
  assert command.parse_args(["--", "--imput"]).rest == ["--imput"]


def test_the_beginning_of_a_flag_is_enough():
  assert parser().parse_args(["--inp", "a"]).input == "a"
