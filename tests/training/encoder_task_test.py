"""What every task has, of a dual encoder: tokenizer, fingerprints, encoder and folder."""

import jax
import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.model_folder.card import About
from labse_jax.models import heads
from labse_jax.tasks.dual_encoder import Task
from labse_jax.training.encoder_task import EncoderTask
from tests.support import tiny


@pytest.fixture(scope="module")
def config(folder):
  return tiny.config(folder)


@pytest.mark.heavy
def test_the_exported_folder_gives_the_vectors_of_the_run(config, tmp_path):
  task = Task(config)
  params = heads.init(task.module, jax.random.key(0))
  task.export(params, tmp_path / "model", About())
  sentences = ["open the file", "a new page"]
  np.testing.assert_array_equal(
    SentenceEncoder.load(tmp_path / "model").encode(sentences),
    task.encoder(params).encode(sentences),
  )


def test_parts_of_other_models_are_not_exported(config, tmp_path):
  task = Task(config)
  task.other_models = {"teacher": "elsewhere"}
  params = heads.init(task.module, jax.random.key(0))
  task.export(params | {"teacher": params["bert"]}, tmp_path / "model", About())
  assert "teacher" not in model_folder.read(tmp_path / "model").params


def test_the_card_is_written_with_the_folder(config, tmp_path):
  task = Task(config)
  params = heads.init(task.module, jax.random.key(0))
  task.export(params, tmp_path / "model", About(made=("Of this run.",)))
  assert "Of this run." in (tmp_path / "model" / "README.md").read_text("utf-8")


@pytest.mark.heavy
def test_the_encoder_is_made_once_and_takes_new_weights(config):
  task = Task(config)
  vectors = []
  for seed in (0, 1):
    encoder = task.encoder(heads.init(task.module, jax.random.key(seed)))
    vectors.append(encoder.encode("open the file"))
  assert task.encoder(heads.init(task.module, jax.random.key(0))) is encoder
  assert np.abs(vectors[0] - vectors[1]).max() > 1e-3


def test_a_vocabulary_larger_than_the_table_is_refused(config):
  small = config.copy_and_resolve_references()
  small.model.vocab_size = 100
  with pytest.raises(InputError, match=r"is only 100; add --config\.model\.vocab_size=\d+\."):
    Task(small).tokenizer()


def test_other_data_has_another_fingerprint(config, tmp_path):
  tiny.write_dataset(tmp_path / "data", tiny.pairs(50))
  other = config.copy_and_resolve_references()
  other.data = str(tmp_path / "data")
  data, tokenizer = Task(config).fingerprints()
  other_data, other_tokenizer = Task(other).fingerprints()
  assert data != other_data and tokenizer == other_tokenizer


def test_a_missing_dataset_is_named(config, tmp_path):
  other = config.copy_and_resolve_references()
  other.data = str(tmp_path / "nowhere")
  with pytest.raises(InputError, match="nowhere: not a dataset folder .there is no such folder"):
    Task(other).fingerprints()


def test_a_task_must_have_what_the_trainer_calls(config):
  with pytest.raises(TypeError, match="abstract .*batch_shapes.*batches.*init.*loss_fn"):
    EncoderTask(config)


def test_an_empty_name_of_the_default_prompt_is_none(config):
  changed = config.copy_and_resolve_references()
  with changed.unlocked():
    changed.prompts, changed.default_prompt = {"query": "ask: "}, ""
  task = Task(changed)
  assert (task.prompt, task.limits["default_prompt"]) == ("", None)


def test_weights_that_are_not_finite_give_no_folder(config, tmp_path):
  task = Task(config)
  shapes = jax.eval_shape(lambda key: heads.init(task.module, key), jax.random.key(0))
  params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
  params["bert"]["blocks"]["up"]["bias"][1, 5] = np.nan
  with pytest.raises(FloatingPointError, match="layer.1.*bias has a value that is not finite"):
    task.export(params, tmp_path / "model", About())
  assert not list(tmp_path.iterdir())
