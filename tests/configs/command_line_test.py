"""The command line of the trainer: a mistake is one line that names the nearest right word."""

import subprocess
import sys

import pytest

from labse_jax.base.errors import InputError, run
from labse_jax.configs.command_line import load_config

CONFIG = """
import ml_collections

from labse_jax.configs.arguments import parse_arg


def get_config(arg=None):
  arg = parse_arg(arg, steps=7, data="d", rate=0.5, runlocal=False)
  config = ml_collections.ConfigDict(arg.to_dict())
  config.optim = ml_collections.ConfigDict(dict(clip=1.0, decay="linear"))
  return config
"""


@pytest.fixture
def file(tmp_path):
  path = tmp_path / "experiment.py"
  path.write_text(CONFIG)
  return str(path)


def load(*argv):
  return load_config(list(argv))


@pytest.mark.parametrize("glued", [True, False])
def test_values_come_from_the_file_its_argument_and_the_line(file, glued):
  value = f"{file}:steps=3,runlocal"
  flag = [f"--config={value}"] if glued else ["--config", value]
  config, workdir = load(*flag, "--workdir", "w", "--config.optim.clip=2.5")
  assert (config.steps, config.runlocal, config.data, workdir) == (3, True, "d", "w")
  assert config.optim.clip == 2.5 and config.rate == 0.5
  with pytest.raises((AttributeError, KeyError)):
    config.new = 1  # A locked config takes no new name.


def test_a_path_may_be_within_the_home_folder(file, tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  config, workdir = load("--config=~/experiment.py:data=~/d", "--workdir=~/w")
  assert (config.data, workdir) == (f"{tmp_path}/d", f"{tmp_path}/w")
  config, _ = load("--config", file, "--workdir=w", "--config.data=~/e")
  assert config.data == f"{tmp_path}/e"


def test_two_loads_in_one_process(file):
  assert load("--config", f"{file}:steps=1", "--workdir=a")[0].steps == 1
  assert load("--config", f"{file}:steps=2", "--workdir=a")[0].steps == 2


@pytest.mark.parametrize("glued", [True, False])
def test_another_loss_takes_its_own_options(glued):
  words = ["--config.loss_options.bias=-5", "--config.loss=sigmoid", "--config.seed=3"]
  if not glued:
    words = [part for word in words for part in word.split("=")]
  experiment = "experiments/quickstart.py:runlocal"
  config, _ = load("--config", experiment, "--workdir=w", *words)
  assert (config.loss, config.seed) == ("sigmoid", 3)
  assert config.loss_options.to_dict() == dict(scale=10.0, bias=-5.0)


BAD = {
  "key": (
    ["--config.optim.clp=1"],
    "config field 'config.optim.clp'",
    "did you mean 'config.optim.clip'?",
  ),
  "top key": (["--config.stepz=1"], "config field 'config.stepz'", "did you mean 'config.steps'?"),
  "section": (
    ["--config.optm.clip=1"],
    "config field 'config.optm.clip'",
    "did you mean 'config.optim.clip'?",
  ),
  "nothing near": (["--config.zzz=1"], "config.zzz", "see the list of them by --fields"),
  "type": (["--config.steps=many"], "--config.steps=many", ": a whole number is needed."),
  "float type": (["--config.optim.clip=much"], "--config.optim.clip=much", ": a number is needed."),
  "truth": (["--config.runlocal=maybe"], "--config.runlocal=maybe", ": true or false is needed."),
  "no value": (["--config.steps"], "--config.steps", ": a value is missing."),
  "flag": (["--wrkdir=x"], "--wrkdir", "did you mean '--workdir'?"),
  "positional": (["more"], "'more'", "Unknown argument"),
  "config": (["--confg.optim.clip=3"], "--confg", "did you mean '--config.optim.clip'?"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_word_is_named_with_the_nearest(file, name):
  words, got, hint = BAD[name]
  with pytest.raises(InputError) as caught:
    load("--config", file, "--workdir=w", *words)
  message = str(caught.value)
  assert got in message and hint in message and "\n" not in message


@pytest.mark.parametrize(
  ("arg", "message"),
  [
    ("stepz=3", "Unknown option 'stepz' of the config; did you mean 'steps'?"),
    ("zzz", "Unknown option 'zzz' of the config; choose from"),
    ("steps=x", "steps=x: not of the kind int."),
    ("steps", "steps=: not of the kind int."),
    ("runlocal=perhaps", "not of the kind bool."),
    ("rate=fast", "not of the kind float."),
  ],
)
def test_a_wrong_argument_of_the_file(file, arg, message):
  with pytest.raises(InputError) as caught:
    load("--config", f"{file}:{arg}", "--workdir=w")
  assert message in str(caught.value)


@pytest.mark.parametrize(
  ("argv", "message"),
  [
    (["--config=none.py", "--workdir=w"], "none.py: no such config file in "),
    (["--config", "none.py:a=1", "--workdir=w"], "none.py: no such config file in "),
    (["--workdir=w"], "--config is missing"),
    (["--config"], "--config: a value is missing"),
    (["--config=", "--workdir=w"], "--config: a path is needed; it is empty"),
    (["--config=.", "--workdir=w"], "'.' names no config file; there are experiments/"),
    (["--config=experiments/", "--workdir=w"], "'experiments/' names no config file; there are"),
    (["--config=:runlocal", "--workdir=w"], "'' names no config file; there are experiments/"),
    (["--config=/", "--workdir=w"], "'/' names no config file"),
  ],
)
def test_a_missing_file(argv, message):
  with pytest.raises(InputError, match=message.replace(".", r"\.")):
    load(*argv)


def test_a_missing_workdir(file):
  with pytest.raises(InputError, match="--workdir is missing"):
    load("--config", file)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("", "experiment.py: must define get_config(arg)."),
    ("def get_config(arg=None):\n  return {}\n  x = = 1", "experiment.py:3: invalid syntax."),
    ("import nothing_of_this_name", "experiment.py:1: ModuleNotFoundError: No module"),
    ("def get_config(arg=None):\n  return 1 / 0", "experiment.py:2: ZeroDivisionError: division"),
    ("def get_config(arg=None):\n  return {'a': 1}", "a ConfigDict of ml_collections; it returned"),
    ("def get_config(arg):\n  return 1", "experiment.py: TypeError: get_config() missing 1"),
  ],
)
def test_a_file_that_is_no_config(tmp_path, text, message):
  (tmp_path / "experiment.py").write_text(text)
  with pytest.raises(InputError) as caught:
    load("--config", str(tmp_path / "experiment.py"), "--workdir=w")
  assert message in str(caught.value)


def test_help_is_printed_and_is_no_error(capsys):
  with pytest.raises(SystemExit) as caught:
    load_config(["--help"], "Trains something.")
  assert caught.value.code == 0
  shown = capsys.readouterr().out
  assert shown.startswith("usage: labse-jax train ")
  assert "Trains something." in shown
  assert "--config FILE.py[:KEY=VALUE,...]" in shown
  assert "[--workdir" not in shown
  assert "needed unless --fields is given" in shown


@pytest.mark.parametrize("flag", ["--fields", "--field"])
def test_the_fields_are_listed_and_no_workdir_is_needed(file, flag, capsys):
  with pytest.raises(SystemExit) as caught:
    load("--config", f"{file}:steps=3", "--config.optim.clip", "2.5", flag)
  assert caught.value.code == 0
  rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
  assert ["config.steps", "3"] in rows
  assert ["config.optim.clip", "2.5"] in rows
  assert ["config.optim.decay", "'linear'"] in rows


def test_one_line_and_exit_status_2(file, capsys):
  with pytest.raises(SystemExit) as caught:
    run(load_config, ["--config", file, "--workdir=w", "--config.optim.clp=1"])
  error = capsys.readouterr().err
  assert caught.value.code == 2 and error.count("\n") == 1 and error.startswith("labse-jax: ")


@pytest.mark.heavy
def test_the_command_itself(file):
  done = subprocess.run(
    [sys.executable, "-m", "labse_jax.train", "--config", f"{file}:stepz=3", "--workdir=w"],
    capture_output=True,
    text=True,
  )
  assert done.returncode == 2 and done.stdout == ""
  assert done.stderr == ("labse-jax: Unknown option 'stepz' of the config; did you mean 'steps'?\n")
