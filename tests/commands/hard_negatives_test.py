"""The command: hard negatives of a dataset ahead of training, mined once."""

import shlex

import jax
import pytest

from labse_jax import hard_negatives
from labse_jax.base.errors import InputError
from labse_jax.base.errors import run as run_command
from labse_jax.data.dataset import open_dataset
from labse_jax.supervision import hard_negatives as mined
from tests.support import tiny


@pytest.fixture
def dataset(tmp_path):
  tiny.write_dataset(tmp_path / "data", tiny.pairs(150))
  return open_dataset(tmp_path / "data")


@pytest.mark.heavy
def test_several_hosts_are_given_the_command(dataset, tiny_folder, monkeypatch, capsys):
  with monkeypatch.context() as several:
    several.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(InputError, match="there are several hosts") as error:
      mined.look_up(dataset, model=tiny_folder, k=5, prompt="to find: ", margin=0.1)
  command = shlex.split(str(error.value).partition("python -m labse_jax.hard_negatives ")[2])
  hard_negatives.main(command)
  said = capsys.readouterr().out
  assert ": 150 pairs x 5 negatives" in said and "Likely translations: " in said
  monkeypatch.setattr(mined, "mine", None)
  mined.look_up(dataset, model=tiny_folder, k=5, prompt="to find: ", margin=0.1)


@pytest.mark.parametrize(
  "changes,words",
  [
    ({"--k": "0"}, "k = 0"),
    ({"--margin": "nan"}, "margin = nan"),
    ({"--model": "/nowhere"}, "/nowhere: no such folder"),
    ({"--data": "/nowhere"}, "/nowhere: not a dataset folder"),
  ],
)
def test_wrong_input_is_one_line_and_status_2(dataset, tiny_folder, changes, words, capfd):
  options = {"--model": str(tiny_folder), "--data": str(dataset.folder), "--k": "2"} | changes
  arguments = []
  for name, value in options.items():
    arguments += [name, value]
  before = sorted(dataset.folder.rglob("*"))
  with pytest.raises(SystemExit) as stop:
    run_command(hard_negatives.main, arguments)
  err = capfd.readouterr().err.strip()
  assert stop.value.code == 2 and words in err and "\n" not in err, err
  assert sorted(dataset.folder.rglob("*")) == before
