import pytest

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError
from labse_jax.base.version import __version__
from tests.support.places import ROOT


def parser():
  command = Command("mend", "Mends things.")
  command.add("--input", old=["--text"], required=True, metavar="FILE", help="a file")
  command.add("--k", type=int, default=4, metavar="N", help="how many")
  command.add("--format", choices=("tsv", "tmx"), help="of the output")
  command.add("--quiet", action="store_true", help="say nothing")
  command.add("--x", type=float, metavar="X", help="how far")
  command.add("--extra", nargs="+", metavar="FILE.tsv", help="more files")
  command.add("--note", metavar="TEXT", help="what to mend")
  command.add("--field.NAME", metavar="VALUE", help="a field")
  command.add_dtype()
  command.add_prompt()
  return command


def test_an_old_name_works_and_is_not_shown():
  new = parser().parse(["--input", "a", "--dtype", "bfloat16"])
  old = parser().parse(["--text", "a", "--precision", "bfloat16"])
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
    parser().parse(["--version"])
  assert stopped.value.code == 0
  assert capsys.readouterr().out == f"labse-jax {__version__}\n"


@pytest.mark.parametrize(
  "words, message",
  [
    (["--imput", "a"], "Unknown flag '--imput'; did you mean '--input'?"),
    (["--input=a", "--qiet"], "Unknown flag '--qiet'; did you mean '--quiet'?"),
    (["--treshold", "3"], "Unknown flag '--treshold'."),  # Not --format, for its two dashes.
    (["-input", "a"], "Unknown flag '-input'; did you mean '--input'?"),
    (["-inptu=a"], "Unknown flag '-inptu'; did you mean '--input'?"),
    (["-f", "tsv"], "Unknown flag '-f'; did you mean '--format'?"),
    (["--feild.a.b=3"], "Unknown flag '--feild.a.b'; did you mean '--field.a.b'?"),
    (["--inptu.optim=3"], "Unknown flag '--inptu.optim'; did you mean '--input'?"),
    (["--k", "3"], "--input is missing."),
    (["--input", "a", "--k", "x"], "--k x: a whole number is needed."),
    (["--input", "a", "--x", "y"], "--x y: a number is needed."),
    (["--input", "a", "--format", "tsw"], "--format tsw: choose from tsv, tmx."),
    (["--input", "a", "--dtype", "float16"], "--dtype float16: choose from float32, bfloat16."),
    (["--input"], "--input: a value is missing."),
    (["--input", "a", "--extra"], "--extra: a value is missing."),
    (["--input", "a", "--quiet=b"], "--quiet takes no value; it was given 'b'."),
    (["--input", "a", "b"], "Unknown argument 'b'."),
    (["--input", "a", "b", "c d"], "Unknown arguments 'b', 'c d'."),
    (["--input", "a", "--f", "tsv"], "--f may be any of --format, --field.NAME; write all of it."),
    # Bytes that are no UTF-8 arrive as stand-ins.
    (["--input", "a", "--prompt", "a\udcff"], r"--prompt a\udcff: Unicode text is needed."),
  ],
)
def test_what_is_wrong_is_one_line(words, message):
  with pytest.raises(InputError) as error:
    parser().parse(words)
  assert str(error.value) == f"{message} See `labse-jax mend --help`."


@pytest.mark.parametrize(
  ("words", "message"),
  [
    ([], "--input and --output are missing."),
    (["--input=a", "--output=b"], "One of --one and --two is needed."),
    (
      ["--input=a", "--output=b", "--one=c", "--two=d"],
      "--one and --two cannot both be given.",
    ),
  ],
)
def test_flags_that_go_together_are_told_by_name(words, message):
  command = Command("mend", "Mends things.")
  command.add("--input", required=True)
  command.add("--output", required=True)
  group = command.add_mutually_exclusive_group(required=True)
  command.add("--one", group=group)
  command.add("--two", group=group)
  with pytest.raises(InputError) as error:
    command.parse(words)
  assert str(error.value) == f"{message} See `labse-jax mend --help`."


def test_every_path_may_be_within_the_home_folder(monkeypatch):
  monkeypatch.setenv("HOME", "/home/me")
  words = ["--input=~/a", "--extra", "~/b", "c", "--format=tsv", "--note", "~/d"]
  args = parser().parse(words)
  assert (args.input, args.extra, args.note) == ("/home/me/a", ["/home/me/b", "c"], "~/d")


@pytest.mark.parametrize(
  ("words", "flag"), [(["--input="], "--input"), (["--input=a", "--extra", "b", ""], "--extra")]
)
def test_an_empty_path_is_refused(words, flag):
  with pytest.raises(InputError, match=f"^{flag}: a path is needed; it is empty. See"):
    parser().parse(words)


def test_a_number_below_zero_is_a_value():
  assert parser().parse(["--input", "a", "--x", "-0.5"]).x == -0.5


def test_a_value_may_look_like_a_flag():
  command = Command("mend", "Mends things.")
  command.add("rest", nargs="*")
  command.add("--prompt", metavar="TEXT")
  assert command.parse(["--prompt", "--a b"]).prompt == "--a b"
  assert command.parse(["--", "--imput"]).rest == ["--imput"]


def test_the_beginning_of_a_flag_is_enough():
  assert parser().parse(["--inp", "a"]).input == "a"


def test_commands_parse_by_what_names_the_nearest_flag():
  for path in (ROOT / "labse_jax").glob("*.py"):
    assert "parse_args(" not in path.read_text("utf-8"), path
