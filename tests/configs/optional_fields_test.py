"""Fields that an experiment need not set, as the command line sets them."""

import inspect
import re

import ml_collections
import pytest

from labse_jax.base.errors import InputError
from labse_jax.configs import optional_fields
from labse_jax.configs.command_line import load_config
from labse_jax.supervision import hard_negatives, teachers
from tests.support.places import ROOT

READERS = ("train.py", "plan.py", "training", "tasks", "supervision", "configs")
SECTIONS = ("hard_negatives", "teacher", "stacking", "prompts")
READ = re.compile(r"config\.((?:[a-z]+\.)*)get\(\s*\"(\w+)\"")
# Every experiment sets these: a default would never be used.
ALWAYS = {"task", "loss", "loss_options"}


def quickstart(*words):
  config, _ = load_config(["--config=experiments/quickstart.py:runlocal", "--workdir=w", *words])
  return config


def known():
  return optional_fields.OF_EVERY_TASK | optional_fields.OF_TASK["dual_encoder"]


def files():
  for name in READERS:
    place = ROOT / "labse_jax" / name
    yield from place.rglob("*.py") if place.is_dir() else [place]


def test_the_table_has_what_the_code_reads():
  read = set()
  for file in files():
    for section, name in READ.findall(file.read_text("utf-8")):
      read.add(section + name)
  sections = {path.partition(".")[0] for path in known() if "." in path} - {"model"}
  assert sections == set(SECTIONS)
  alone = {path for path in known() if path.partition(".")[0] not in SECTIONS}
  assert read - ALWAYS - set(SECTIONS) == alone and set(SECTIONS) <= read


@pytest.mark.parametrize(
  ("section", "function", "beside"),
  [("hard_negatives", hard_negatives.look_up, {"every"}), ("teacher", teachers.look_up, set())],
)
def test_sections_are_the_arguments_of_what_reads_them(section, function, beside):
  own = {path.partition(".")[2]: d for path, d in known().items() if path.startswith(section)}
  parameters = inspect.signature(function).parameters
  assert own.keys() - beside == parameters.keys() - {"dataset", "student_width"}
  for name in own.keys() - beside:
    if not isinstance(own[name], type):
      assert parameters[name].default == own[name], name


@pytest.mark.parametrize(
  ("word", "path", "value"),
  [
    ("exchange=ring", "exchange", "ring"),
    ("homogeneous=true", "homogeneous", True),
    ("matryoshka=(16, 8)", "matryoshka", (16, 8)),
    ("freeze=bert/word_embedding", "freeze", ("bert/word_embedding",)),
    ("max_length=20", "max_length", 20),
    ("hard_negatives.k=7", "hard_negatives", {"k": 7}),
    ("teacher.model=m", "teacher", {"model": "m"}),
    ("prompts.query=ask: ", "prompts", {"query": "ask: "}),
  ],
)
def test_any_experiment_takes_it_and_has_nothing_else_new(word, path, value):
  before = quickstart().to_dict()
  after = quickstart(f"--config.{word}").to_dict()
  assert after == before | {path: value}


def test_a_field_that_only_another_task_reads_is_refused():
  config = ml_collections.ConfigDict({"task": "pretrain"})
  optional_fields.let_set(config, "exchange")
  assert "exchange" not in config and "exchange" not in optional_fields.not_set(config)


def test_a_misspelt_one_is_told():
  with pytest.raises(InputError, match="did you mean 'config.homogeneous'"):
    quickstart("--config.homogenous=true")


def test_a_value_of_the_wrong_kind_is_told():
  with pytest.raises(InputError, match="max_length=x: a whole number is needed"):
    quickstart("--config.max_length=x")


def test_fields_lists_them_as_not_set(capsys):
  with pytest.raises(SystemExit):
    quickstart("--fields", "--config.exchange=ring")
  rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
  assert ["config.exchange", "'ring'"] in rows
  assert ["config.learned", "not set; default ()"] in rows
  assert ["config.teacher.model", "not set"] in rows


def test_how_to_list_is_said_where_an_experiment_needs_more():
  with pytest.raises(
    InputError, match="Give a model: .* With --fields behind that, the fields are"
  ):
    load_config(["--config=experiments/finetune.py", "--fields"])


def test_a_section_of_none_is_made():
  config = quickstart()
  with config.unlocked():
    config.teacher = None
  optional_fields.let_set(config, "teacher.model")
  config.teacher.model = "folder"
  assert config.teacher.to_dict() == {"model": "folder"}


def test_prompts_of_any_names_can_be_set():
  config = quickstart("--config.prompts.NAME=x", "--config.prompts.query=y")
  assert config.prompts.to_dict() == {"NAME": "x", "query": "y"}


def test_a_prompt_s_name_with_a_sign_that_no_field_has_is_told():
  with pytest.raises(InputError, match="a name of a field holds a sign that none can have"):
    quickstart("--config.prompts.my-query=y")
