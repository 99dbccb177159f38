"""Names of fields in other trainers."""

import pytest

from labse_jax.base.errors import InputError
from labse_jax.configs import field_habits, fields
from labse_jax.configs.command_line import load_config

EXPERIMENT = "--config=experiments/quickstart.py:runlocal"


def test_the_fields_are_real_and_each_name_has_one():
  config, _ = load_config([EXPERIMENT, "--workdir=w"])
  assert field_habits.HABITS.keys() <= dict(fields.fields(config)).keys()
  names = field_habits.names()
  assert len(names) == len(set(names))


@pytest.mark.parametrize(
  ("name", "said"),
  [
    ("learning_rate", "the learning rate is config.schedule.peak."),
    ("optim.lerning_rate", "the learning rate is config.schedule.peak."),
    ("lr", "the learning rate is config.schedule.peak."),
    ("optim.lr", "the learning rate is config.schedule.peak."),
    ("batch_size", "pairs, is config.batch_rows."),
    ("epochs", "in steps and not in epochs, is config.total_steps."),
    ("max_seq_length", "the number of tokens in a row is config.length."),
    ("max_grad_norm", "the norm that gradients are clipped to is config.optim.clip."),
    ("warmup", "did you mean 'config.schedule.warmup'?"),
    ("weight_decay", "did you mean 'config.optim.weight_decay'?"),
    ("freezee", "did you mean 'config.freeze'?"),
  ],
)
def test_a_name_from_elsewhere_is_answered_with_the_field(name, said):
  with pytest.raises(InputError) as caught:
    load_config([EXPERIMENT, "--workdir=w", f"--config.{name}=1"])
  assert str(caught.value).startswith(f"Unknown config field 'config.{name}'; ")
  assert str(caught.value).endswith(said)


def test_a_field_that_the_task_has_not_is_not_named():
  words = ["--config=experiments/pretrain_small.py:data=d", "--workdir=w"]
  with pytest.raises(InputError) as caught:
    load_config([*words, "--config.gradient_accumulation_steps=2"])
  assert "config.chunks" not in str(caught.value)
