"""Fine-tuning from a folder: what is checked first, what is kept, and what others make of it."""

import dataclasses
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

from experiments import finetune
from labse_jax import model_folder
from labse_jax import train as trainer
from labse_jax.base.errors import InputError
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.tasks import dual_encoder
from labse_jax.training.warm_start import check_init
from tests.support import tiny
from tests.support.needs import need_torch

TEXTS = ["the old file", "open", "a page of the user " * 20]


@pytest.fixture(scope="module")
def start(tmp_path_factory, tiny_content):
  """A folder with all that training must not lose, whose vectors are not of length 1."""
  path = tmp_path_factory.mktemp("start") / "model"
  head = tiny_content.head | {"normalize": False, "dense_activation": "identity"}
  model_folder.write(
    path,
    dataclasses.replace(
      tiny_content,
      head=head,
      max_length=48,
      default_prompt="query",
      prompts={"query": "query: ", "passage": "passage: "},
    ),
  )
  return path


def config_of(start, data, *words):
  config = finetune.get_config(",".join([f"model={start}", f"data={data}", "runlocal", *words]))
  return tiny.with_values(config, unroll=True, total_steps=1)


@pytest.fixture(scope="module")
def tuned(folder, start):
  """The workdir of a run of one step."""
  trainer.train(config_of(start, folder / "data"), folder / "tuned")
  return folder / "tuned"


@pytest.mark.heavy
def test_the_folder_keeps_all_but_the_weights_that_train(start, tuned):
  before, after = (model_folder.read(path) for path in (start, tuned / "model"))
  for name in ("model", "head", "max_length", "prompts", "default_prompt"):
    assert getattr(before, name) == getattr(after, name), name
  assert before.tokenizer_file.read_bytes() == after.tokenizer_file.read_bytes()
  old, new = (load_file(path / "model.safetensors") for path in (start, tuned / "model"))
  same = {name for name in old if (old[name] == new[name]).all()}
  assert "embeddings.word_embeddings.weight" in same
  assert not any("encoder.layer" in name for name in same) and old.keys() == new.keys()
  assert (before.params["dense"]["kernel"] != after.params["dense"]["kernel"]).any()


@pytest.mark.heavy
def test_sentence_transformers_reads_it_after_a_step(tuned):
  need_torch()
  from sentence_transformers import SentenceTransformer

  theirs = SentenceTransformer(str(tuned / "model"), device="cpu")
  ours = SentenceEncoder.load(tuned / "model")
  np.testing.assert_allclose(ours.encode(TEXTS), theirs.encode(TEXTS), atol=1e-5)
  assert np.abs(ours.encode(TEXTS) - ours.encode(TEXTS, prompt="")).max() > 1e-3


@pytest.mark.heavy
def test_training_and_evaluation_in_between_use_the_prompt(folder, start):
  task = dual_encoder.Task(config_of(start, folder / "data"))
  params = model_folder.read(start).params
  between, after = task.encoder(params), SentenceEncoder.load(start)
  np.testing.assert_array_equal(between.encode(TEXTS), after.encode(TEXTS))
  batch = next(iter(task.batches()))
  (prompt,), _ = task.tokenizer().encode(["query:"], 32)
  for place, token in enumerate(prompt[:-1]):  # Without its [SEP].
    assert (batch["tokens"][(batch["segments"] > 0) & (batch["positions"] == place)] == token).all()


def test_a_prompt_for_a_folder_that_does_not_say_it(folder, tiny_content, tmp_path, capsys):
  head = {"pooling": "mean", "dense": 0, "dense_activation": "tanh", "normalize": True}
  params = {"bert": tiny_content.params["bert"]}
  start = tmp_path / "multilingual-e5-small"
  model_folder.write(start, dataclasses.replace(tiny_content, head=head, params=params))
  check_init(dual_encoder.Task(config_of(start, folder / "data")))
  assert "multilingual E5 needs 'query: ' or 'passage: '" in capsys.readouterr().err
  task = dual_encoder.Task(config_of(start, folder / "data", "prompt=query: "))
  check_init(task)
  assert task.prompt == "query: " and task.limits["default_prompt"] == "train"
  assert "query" not in capsys.readouterr().err


def test_what_a_config_leaves_out_is_the_modules_default(folder, start):
  config = config_of(start, folder / "data")
  del config.model.relative_buckets, config.model.types
  check_init(dual_encoder.Task(config))
  config.model.types = 3
  with pytest.raises(InputError, match="another model: types 2 instead of 3"):
    check_init(dual_encoder.Task(config))


WRONG = [
  (dict(init="/nowhere"), "/nowhere: no such folder"),
  (dict(default_prompt=""), "puts 'query: ' before each text, this config ''"),
  (dict(default_prompt="passage"), "puts 'query: ' before each text, this config 'passage: '"),
  (dict(default_prompt="qery"), "Unknown default_prompt 'qery'; did you mean 'query'"),
  (dict(model={"mlp_width": 48}), "another model: mlp_width 64 instead of 48"),
  (dict(tokenizer="vocabulary"), "another vocabulary than"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG)
def test_a_wrong_start_is_found_before_anything_is_opened_or_made(
  folder, start, tmp_path, changes, words, monkeypatch
):
  config = config_of(start, folder / "data")
  if "tokenizer" in changes:
    changes = {"tokenizer": str(folder / "vocabulary")}
  config.update(changes)
  monkeypatch.setattr(dual_encoder.Task, "batches", lambda self: pytest.fail("opened"))
  with pytest.raises(InputError, match=words):
    trainer.train(config, tmp_path / "run")
  assert not (tmp_path / "run").exists()


def test_of_an_extended_table_the_new_rows_are_trained(tiny_folder, tmp_path):
  shutil.copytree(tiny_folder, tmp_path / "more")
  (tmp_path / "more" / "new_pieces.json").write_text('{"first_id": 950}')
  frozen = [config_of(path, "data").freeze for path in (tiny_folder, tmp_path / "more")]
  assert frozen == [("bert/word_embedding",), ("bert/word_embedding:950",)]


@pytest.mark.parametrize("text", ["{}", '{"first_id": "950"}', '{"first_id": 0}', "[]", "{"])
def test_spoiled_facts_of_an_extension_are_said(tiny_folder, tmp_path, text):
  shutil.copytree(tiny_folder, tmp_path / "more")
  (tmp_path / "more" / "new_pieces.json").write_text(text)
  with pytest.raises(InputError, match="new_pieces.json: "):
    config_of(tmp_path / "more", "data")


def test_the_experiment_asks_for_a_model():
  with pytest.raises(InputError, match="Give a model: --config .*:model=FOLDER"):
    finetune.get_config("data=x")
