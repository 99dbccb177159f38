"""Which numbers of a config are refused, and with what words."""

import pytest

from experiments import quickstart
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.configs.ranges import check_ranges, in_shares


@pytest.fixture
def config():
  config = quickstart.get_config("runlocal")
  config.batch_rows = 16
  return config


def test_the_quickstart_is_allowed(config):
  check_ranges(config, make_mesh())


@pytest.mark.parametrize(
  ("name", "value", "message"),
  [
    ("slots", 0, "config.slots = 0; it must be 1 or more."),
    ("exponent", 1.5, "config.exponent = 1.5; it must be 0 to 1."),
    ("exponent", float("nan"), "config.exponent = nan; it must be 0 to 1."),
    ("batch_rows", 12, "batch_rows = 12: not divisible by 8 devices."),
    ("length", 5_000, "the model has only"),
    ("total_steps", 0, "Give one of total_steps and seconds"),
  ],
)
def test_a_number_out_of_range_is_named_with_what_is_allowed(config, name, value, message):
  config[name] = value
  with pytest.raises(InputError) as error:
    check_ranges(config, make_mesh())
  assert message in str(error.value)


def test_each_stage_s_value_is_looked_at(config):
  with config.unlocked():
    del config.schedule.peak
    config.schedule.peak = (1e-3, -1.0)
  with pytest.raises(InputError, match="config.schedule.peak"):
    check_ranges(config, make_mesh())


def test_chunks_count_as_devices_do(config):
  with config.unlocked():
    config.chunks = 3
  with pytest.raises(InputError, match="8 devices x 3 chunks"):
    check_ranges(config, make_mesh())


@pytest.mark.parametrize("table", ["bert", "bert/word_embedding", "bert/word_embedding:100"])
def test_a_frozen_table_is_never_row_sparse(config, table):
  with config.unlocked(), config.ignore_type():
    config.stages = ()  # Nothing is frozen in a model that grows.
    config.schedule.peak = 2e-3
    config.row_sparse = True
    config.freeze = (table,)
  with pytest.raises(InputError, match="a frozen word table has no rows to write"):
    check_ranges(config, make_mesh())


def test_nothing_is_frozen_in_a_model_that_grows(config):
  config.freeze = ("bert",)
  with pytest.raises(InputError, match="cannot be combined with config.stages"):
    check_ranges(config, make_mesh())


@pytest.mark.parametrize(
  ("stages", "total_steps", "fine"),
  [
    (((0, 0.5), (1, 0.5)), 4, True),
    (((0, 0.5), (1, 0.5)), 0, False),  # Shares of how many steps?
    (((0, 2), (1, 2)), 0, True),
  ],
)
def test_shares_need_a_number_of_steps(config, stages, total_steps, fine):
  config.stages = stages
  config.total_steps = total_steps
  assert in_shares(config) == isinstance(stages[0][1], float)
  if fine:
    check_ranges(config, make_mesh())
  else:
    with pytest.raises(InputError, match="Give one of total_steps and seconds"):
      check_ranges(config, make_mesh())
