"""TensorFlow's BERT checkpoints as model folders: what is found, decided, checked and written."""

import json
import operator
import subprocess
import sys

import numpy as np
import pytest

from labse_jax import convert, model_folder
from labse_jax.base.errors import InputError
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.models import heads
from labse_jax.tokenizer.tokenizer import Tokenizer
from tests.support.needs import need_torch
from tests.support.tensorflow_bert import (
  BERT_CONFIG,
  NEXT_SENTENCE,
  garden_labse,
  garden_vector,
  masked_lm_head,
  need_model_garden,
  need_tensorflow,
  no_pooler,
  opened,
  save_garden_task,
  save_research,
  touch,
  variables_of,
)
from tests.support.tiny_model import MODEL


@pytest.fixture
def place(tmp_path, tiny_wordpiece):
  """A folder as bert_model.ckpt comes in, with an index that nothing reads."""
  path = tmp_path / "bert"
  path.mkdir()
  (path / "bert_model.ckpt.index").touch()
  (path / "vocab.txt").write_bytes((tiny_wordpiece / "vocab.txt").read_bytes())
  (path / "bert_config.json").write_text(json.dumps(BERT_CONFIG))
  return path


@pytest.fixture
def stand_in(tiny_content, monkeypatch):
  """stand_in(style, change, extra, lower_case): what the checkpoint will be found to hold."""

  def set(style="research", change=lambda arrays: None, extra=(), lower_case=None, **options):
    arrays = variables_of(tiny_content, style, **options)
    change(arrays)

    def open_checkpoint(prefix):
      variables = opened(arrays, extra)
      variables.lower_case = lower_case
      return variables

    monkeypatch.setattr(convert, "open_checkpoint", open_checkpoint)

  return set


def run(place, *options):
  output = place.parent / "model"
  convert.main(["--input", str(place), "--output", str(output), *options])
  return output


def vectors_jsonl(path, lines, z_ND):
  path.write_text(
    "".join(
      json.dumps({"text": text, "vector": [float(x) for x in z_D]}) + "\n"
      for text, z_D in zip(lines, z_ND, strict=True)
    )
  )
  return str(path)


@pytest.mark.parametrize("style", ["research", "garden"])
def test_a_converted_folder_gives_the_model_s_own_vectors(
  place, stand_in, style, tiny_content, tiny_wordpiece, real_lines, capsys
):
  stand_in(style)
  got = SentenceEncoder.load(run(place)).encode(real_lines[:50])
  module = heads.build(MODEL | {"activation": "gelu_new"}, tiny_content.head)
  tokenizer = Tokenizer(tiny_wordpiece / "tokenizer.json")
  ours = SentenceEncoder.of_parts(module, tiny_content.params, tokenizer, max_length=64)
  np.testing.assert_allclose(got, ours.encode(real_lines[:50]), atol=1e-6)
  said = capsys.readouterr().out
  assert "2 layers of 32, 4 heads, 1,000 word pieces" in said
  assert "pooler (as LaBSE's" in said and "kept (" in said and "gelu_new" in said


@pytest.mark.heavy
def test_sentence_transformers_opens_it(place, stand_in, real_lines):
  need_torch()
  from sentence_transformers import SentenceTransformer

  stand_in()
  output = run(place)
  theirs = SentenceTransformer(str(output), device="cpu", local_files_only=True)
  got = SentenceEncoder.load(output).encode(real_lines[:50])
  np.testing.assert_allclose(got, theirs.encode(real_lines[:50]), atol=1e-5)


def test_what_was_decided_and_left_out_is_said(place, stand_in, capsys):
  stand_in(extra=NEXT_SENTENCE, masked_lm=masked_lm_head(1))
  content = model_folder.read(run(place, "--pooling", "max"), pretraining=True)
  assert content.head["pooling"] == "max" and "masked_lm" in content.params and content.pooler
  said = capsys.readouterr().out
  assert "max (asked for)" in said and "next-sentence head (1)" in said
  assert "kept beside  masked-LM head" in said and "% of the word pieces have capitals" in said


@pytest.mark.parametrize(
  ("options", "stored", "lower", "said"),
  [
    ([], True, True, "as the SavedModel"),
    (["--uncased"], False, True, "asked for"),
    (["--cased"], True, False, "asked for"),
  ],
)
def test_letter_case(place, stand_in, options, stored, lower, said, capsys):
  stand_in(lower_case=stored)
  output = run(place, *options)
  normaliser = json.loads((output / "tokenizer.json").read_text())["normalizer"]
  assert normaliser["lowercase"] == lower
  assert said in capsys.readouterr().out


def test_activation_and_length_are_asked_for(place, stand_in):
  stand_in()
  content = model_folder.describe(run(place, "--activation", "gelu", "--max-length", "20"))
  assert (content.model["activation"], content.max_length) == ("gelu", 20)


@pytest.mark.heavy
def test_check_reports_the_distance(place, stand_in, real_lines, tmp_path, capsys):
  stand_in()
  z_ND = SentenceEncoder.load(run(place)).encode(real_lines[:30])
  check = vectors_jsonl(tmp_path / "v.jsonl", real_lines[:30], 3 * z_ND)
  card = (run(place, "--check", check) / "README.md").read_text("utf-8")
  assert "from the TensorFlow checkpoint" in card and "30 texts, largest difference" in card
  assert "30 texts, largest difference" in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--pooling", "mean"], ["--uncased"]])
def test_a_failed_check_writes_nothing(place, stand_in, real_lines, tmp_path, options):
  stand_in()
  z_ND = SentenceEncoder.load(run(place)).encode(real_lines[:30])
  path = vectors_jsonl(tmp_path / "v.jsonl", real_lines[:30], z_ND)
  other = tmp_path / "other"
  with pytest.raises(InputError, match="Other vectors than expected: 30 texts"):
    convert.main(["--input", str(place), "--output", str(other), "--check", path, *options])
  assert not other.exists() and not list(tmp_path.glob("*.partial"))


def config(**changes):
  return lambda place: (place / "bert_config.json").write_text(json.dumps(BERT_CONFIG | changes))


def short_vocabulary(place):
  lines = (place / "vocab.txt").read_text().splitlines(keepends=True)
  (place / "vocab.txt").write_text("".join(lines[:-1]))


BAD = {
  "nothing there": (lambda p: (p / "bert_model.ckpt.index").unlink(), {}, "holds 0 checkpoints"),
  "two checkpoints": (lambda p: touch(p, "b.index"), {}, r"\['b', 'bert_model.ckpt'\]; name one"),
  "no vocabulary": (lambda p: (p / "vocab.txt").unlink(), {}, "--vocab FILE is needed"),
  "two vocabularies": (lambda p: touch(p, "a_vocab.txt"), {}, "choose by --vocab FILE"),
  "other vocabulary": (short_vocabulary, {}, "has 1,000 rows, the vocabulary 999 pieces"),
  "no config": (lambda p: (p / "bert_config.json").unlink(), {}, "--config FILE is needed"),
  "broken config": (lambda p: (p / "bert_config.json").write_text("{"), {}, "read as JSON"),
  "other width": (config(hidden_size=16), {}, "misshapen: "),
  "other depth": (config(num_hidden_layers=3), {}, "missing: encoder.layer.2"),
  "unknown activation": (config(hidden_act="swish"), {}, "'swish'"),
  "other heads": (config(num_attention_heads=8), {"style": "garden"}, "the checkpoint has 4"),
  "no BERT": (lambda p: None, {"change": dict.clear}, "no word embeddings"),
  "an adapter": (
    lambda p: None,
    {"change": lambda a: a.update({"adapter/x": np.ones(2)})},
    "not of this model: scope/adapter/x",
  ),
  "output taken": (lambda p: touch(p.parent, "model/other.txt"), {}, "holds other files"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(place, stand_in, name):
  spoil, settings, message = BAD[name]
  stand_in(**settings)
  spoil(place)
  with pytest.raises(InputError, match=message) as caught:
    run(place)
  assert "\n" not in str(caught.value)
  assert not (place.parent / "model" / "modules.json").exists()


def test_an_earlier_model_that_holds_the_checkpoint_is_not_replaced(place, stand_in, tmp_path):
  stand_in()
  (tmp_path / "modules.json").touch()
  with pytest.raises(InputError, match="is, or holds, the input"):
    convert.main(["--input", str(place), "--output", str(tmp_path)])
  assert (place / "vocab.txt").exists()


def test_flags_that_cannot_be(place, stand_in):
  stand_in(change=no_pooler)
  with pytest.raises(InputError, match="has no pooler; choose another --pooling"):
    run(place, "--pooling", "pooler")
  with pytest.raises(InputError, match="--max-length 2: at least 3"):
    run(place, "--max-length", "2")
  with pytest.raises(InputError, match="no such checkpoint"):
    run(place / "other.ckpt")


@pytest.mark.heavy
def test_without_tensorflow_it_is_one_line_and_status_2(place):
  code = "import sys; sys.modules['tensorflow'] = None; from labse_jax import convert; "
  code += "from labse_jax.base import errors; "
  code += f"errors.run(convert.main, ['--input', {str(place)!r}, '--output', 'never'])"
  done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=place)
  assert done.returncode == 2 and done.stderr.count("\n") == 1 and not done.stdout
  assert "pip install 'labse_jax[tensorflow]'" in done.stderr
  assert not (place / "never").exists()


# Checkpoints that TensorFlow wrote, and the vectors that it computes.


@pytest.fixture
def some_ids(tiny_wordpiece, real_lines):
  tokenizer = Tokenizer(tiny_wordpiece / "tokenizer.json")
  return [ids.tolist() for ids in tokenizer.encode(real_lines[:20], 64)[0]]


def test_a_tf1_checkpoint_agrees(place, tiny_content, real_lines, some_ids, capsys):
  (place / "bert_model.ckpt.index").unlink()
  arrays = variables_of(tiny_content, "research")
  z_ND = save_research(place / "bert_model.ckpt", arrays, some_ids)
  path = vectors_jsonl(place.parent / "v.jsonl", real_lines[:20], z_ND)
  got = SentenceEncoder.load(run(place, "--check", path)).encode(real_lines[:20])
  np.testing.assert_allclose(got, z_ND, atol=1e-5)
  said = capsys.readouterr().out
  assert "20 texts" in said and "counter (1), optimizer (1)" in said


def test_the_official_saved_model_agrees(place, real_lines, some_ids, capsys):
  model, tf = garden_labse(need_model_garden()), need_tensorflow()
  model.vocab_file = tf.saved_model.Asset(str(place / "vocab.txt"))
  model.do_lower_case = tf.Variable(False, trainable=False)
  made = place.parent / "made"
  model.save(str(made), include_optimizer=False, save_format="tf")
  z_ND = [garden_vector(tf, model, ids) for ids in some_ids]
  got = SentenceEncoder.load(run(made)).encode(real_lines[:20])
  np.testing.assert_allclose(got, z_ND, atol=1e-5)
  assert "kept (as the SavedModel says)" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["Adam", "legacy.Adam"])
def test_the_official_task_s_checkpoint_agrees(place, real_lines, some_ids, kind, capsys):
  model, tf = garden_labse(need_model_garden()), need_tensorflow()
  optimizers = pytest.importorskip("tf_keras").optimizers
  made = place.parent / "made"
  save_garden_task(made / "ckpt", model, operator.attrgetter(kind)(optimizers)())
  z_ND = [garden_vector(tf, model, ids) for ids in some_ids]
  output = run(made, "--vocab", str(place / "vocab.txt"))
  np.testing.assert_allclose(SentenceEncoder.load(output).encode(real_lines[:20]), z_ND, atol=1e-5)
  assert "counter (2), optimizer (" in capsys.readouterr().out
