"""What becomes of a loss's options where the command line names another loss."""

import ml_collections
import pytest

from labse_jax.base.errors import InputError
from labse_jax.configs.loss_options import completed, loss_function, set_loss, split


@pytest.fixture
def config():
  made = ml_collections.ConfigDict(dict(loss="margin_softmax", task="dual_encoder", seed=0))
  made.loss_options = dict(scale=20.0, margin=0.4)
  made.lock()
  return made


def asked(config, *words):
  """The loss and its options that a command line makes of a config."""
  changes = [("--config.seed", "1")]
  for word in words:
    name, equals, value = word.partition("=")
    changes.append((name, value if equals else None))
  rest, of_loss = split(changes)
  assert rest == [("--config.seed", "1")]
  set_loss(config, of_loss)
  return config.loss, config.loss_options.to_dict()


def test_without_a_word_the_experiment_s_stay(config, capsys):
  assert asked(config) == ("margin_softmax", dict(scale=20.0, margin=0.4))
  assert capsys.readouterr().err == ""


def test_another_loss_begins_with_its_own_defaults_and_says_so(config, capsys):
  assert asked(config, "--config.loss=hard_contrastive") == (
    "hard_contrastive",
    dict(temperature=0.1),
  )
  assert capsys.readouterr().err == (
    "labse-jax: config.loss = hard_contrastive: temperature=0.1; margin_softmax's margin=0.4, "
    "scale=20 left out.\n"
  )


@pytest.mark.parametrize("order", [1, -1])
def test_its_options_may_stand_before_or_after_it(config, order):
  words = ["--config.loss_options.bias=-5", "--config.loss=sigmoid"]
  assert asked(config, *words[::order]) == ("sigmoid", dict(scale=10.0, bias=-5.0))


def test_the_experiment_s_own_loss_keeps_its_options(config):
  found = asked(config, "--config.loss=margin_softmax", "--config.loss_options.margin=0.1")
  assert found == ("margin_softmax", dict(scale=20.0, margin=0.1))
  with pytest.raises((AttributeError, KeyError)):
    config.loss_options.new = 1  # It is locked as before.


def test_a_file_of_ones_own(config, tmp_path):
  path = tmp_path / "mine.py"
  path.write_text(
    "def mine(x_bD, y_bD, ids_b2, mask_b, *, spread, k=3, soft=False, top):\n  pass\n"
  )
  words = [f"--config.loss={path}", "--config.loss_options.soft=true"]
  with pytest.raises(InputError, match=r"lacks \['top'\].* Add --config.loss_options.top=VALUE"):
    asked(config, *words)
  found = asked(config, *words, "--config.loss_options.top=2")
  assert found == (str(path), dict(k=3, soft=True, top=2.0))


@pytest.fixture
def own_kinds(tmp_path):
  """A file with a loss whose options are of kinds of their own."""
  path = tmp_path / "mine.py"
  path.write_text(
    "def mine(x_bD, y_bD, ids_b2, mask_b, *, spread, names=(1, 2), top=None, sizes=[3]):\n  pass\n"
  )
  return f"--config.loss={path}"


@pytest.mark.parametrize(
  ("word", "value"),
  [
    ("names=(3,)", (3,)),
    ("names=4, 5.5", (4, 5.5)),
    ("top=7", 7),
    ("top=None", None),
    ("top=all of it", "all of it"),
    ("sizes=[1, 2]", [1, 2]),
  ],
)
def test_an_option_may_be_of_any_kind(config, own_kinds, word, value):
  _, options = asked(config, own_kinds, f"--config.loss_options.{word}")
  assert options[word.partition("=")[0]] == value


@pytest.mark.parametrize("text", ["abc", "3", "[1, 2]", "(1, 2"])
def test_what_is_no_tuple_is_refused_for_one(config, own_kinds, text):
  with pytest.raises(InputError) as error:
    asked(config, own_kinds, f"--config.loss_options.names={text}")
  assert str(error.value).endswith(f"names={text}: not of the kind tuple, such as (1, 2).")


def test_a_loss_of_another_task_is_not_offered(config):
  with pytest.raises(InputError) as error:
    asked(config, "--config.loss=tcmm")
  assert "did you mean 'tcm'? Choose from ['hard_contrastive', " in str(error.value)
  assert "masked_lm" not in str(error.value)


@pytest.mark.parametrize(
  ("words", "message"),
  [
    (["--config.loss_options.margn=0.2"], "'margin_softmax', 'margn'; did you mean 'margin'?"),
    (["--config.loss_options.margin=much"], "margin=much: not of the kind float."),
    (["--config.loss_options.margin"], "--config.loss_options.margin: a value is missing."),
    (["--config.loss=sigmoidd"], "Unknown loss 'sigmoidd'; did you mean 'sigmoid'?"),
    (
      ["--config.loss=sigmoid", "--config.loss_options.margin=0.2"],
      "Unknown option of loss 'sigmoid', 'margin'",
    ),
    (["--config.loss=masked_lm"], "masked_lm is no loss over pairs"),
  ],
)
def test_a_wrong_word_is_refused(config, words, message):
  with pytest.raises(InputError) as error:
    asked(config, *words)
  assert message in str(error.value)


def test_a_task_without_a_loss_to_choose(config):
  with config.unlocked():
    del config["loss"]
  with pytest.raises(InputError, match="config.task = 'dual_encoder' has no loss to choose"):
    asked(config, "--config.loss=sigmoid")


def test_a_config_need_not_name_every_option():
  loss = loss_function("tcm")
  assert completed("tcm", loss, dict(cross=0.5))["temperature"] == 0.1
  with pytest.raises(InputError, match="Unknown option of loss 'tcm', 'margin'"):
    completed("tcm", loss, dict(margin=0.5))
