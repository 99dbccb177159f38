"""What a checkpoint's files, its variables and a person's wishes decide about a model."""

import json
import time

import pytest

from labse_jax.base.errors import InputError
from labse_jax.surgery import conversion
from tests.support.tensorflow_bert import (
  BERT_CONFIG,
  NEXT_SENTENCE,
  masked_lm_head,
  no_pooler,
  opened,
  touch,
  variables_of,
)
from tests.support.tiny_model import MODEL


@pytest.mark.parametrize(
  ("names", "given", "prefix"),
  [
    (["m.ckpt.index"], ".", "m.ckpt"),
    (["m.ckpt.index"], "m.ckpt", "m.ckpt"),
    (["m.ckpt.index"], "m.ckpt.index", "m.ckpt"),
    (["ckpt-1.index", "ckpt-2.index", "ckpt-3.index"], ".", "ckpt-2"),
    (["saved_model.pb", "variables/variables.index"], ".", "variables/variables"),
  ],
)
def test_where_a_checkpoint_lies(tmp_path, names, given, prefix):
  touch(tmp_path, *names)
  note = 'model_checkpoint_path: "/far/away/ckpt-2"\nall_model_checkpoint_paths: "ckpt-1"\n'
  (tmp_path / "checkpoint").write_text(note)
  assert conversion.locate(tmp_path / given)[0] == tmp_path / prefix


def test_a_note_of_the_newest_checkpoint_that_never_ends(tmp_path):
  touch(tmp_path, "a.index")
  (tmp_path / "checkpoint").write_text('model_checkpoint_path: "' + "/" * 100_000)
  start = time.perf_counter()
  assert conversion.locate(tmp_path)[0] == tmp_path / "a"
  assert time.perf_counter() - start < 2


def test_of_several_checkpoints_one_is_to_be_named(tmp_path):
  touch(tmp_path, "b.index", "a.index")
  with pytest.raises(InputError, match=r"holds 2 checkpoints \['a', 'b'\]; name one"):
    conversion.locate(tmp_path)
  with pytest.raises(InputError, match="c: no such checkpoint"):
    conversion.locate(tmp_path / "c")


def test_a_file_beside_is_found_where_it_is_the_only_one(tmp_path):
  touch(tmp_path, "assets/x_vocab.txt", "other.txt")
  places = [tmp_path / "assets", tmp_path]

  def beside(given=None):
    return conversion.beside(given, "--vocab", conversion.VOCABULARY, places)

  assert beside() == tmp_path / "assets" / "x_vocab.txt"
  assert beside(tmp_path / "other.txt") == tmp_path / "other.txt"
  touch(tmp_path, "vocab.txt")
  with pytest.raises(InputError, match=r"\['x_vocab.txt', 'vocab.txt'\]; choose by --vocab FILE"):
    beside()
  assert conversion.beside(None, "--config", conversion.CONFIG, places) is None


@pytest.mark.parametrize(
  ("asked", "stored", "lower", "said"),
  [
    (None, None, False, "% of the word pieces have capitals)"),
    (None, True, True, "lowercased, accents removed (as the SavedModel says)"),
    (None, False, False, "kept (as the SavedModel says)"),
    (True, False, True, "lowercased, accents removed (asked for)"),
    (False, True, False, "kept (asked for)"),
  ],
)
def test_letter_case(tmp_path, tiny_wordpiece, asked, stored, lower, said):
  file, decision = conversion.build_tokenizer(tiny_wordpiece / "vocab.txt", tmp_path, asked, stored)
  normaliser = json.loads(file.read_text("utf-8"))["normalizer"]
  assert normaliser["lowercase"] == lower and normaliser["strip_accents"] in (None, lower)
  assert said in decision


def test_a_vocabulary_without_capitals_is_uncased(tmp_path, tiny_wordpiece):
  pieces = []
  for i, piece in enumerate((tiny_wordpiece / "vocab.txt").read_text("utf-8").split("\n")[:-1]):
    small = piece[0] == "[" or piece == piece.lower()
    pieces.append(piece if small else f"{piece.lower()}{i}")
  (tmp_path / "lower.txt").write_text("\n".join(pieces) + "\n", "utf-8")
  _, decision = conversion.build_tokenizer(tmp_path / "lower.txt", tmp_path, None, None)
  assert decision.startswith("lowercased, accents removed (0.0%")


@pytest.mark.parametrize(
  ("stored", "asked", "expected"),
  [
    ("gelu", None, "gelu_new"),
    ("relu", None, "relu"),
    ("gelu", "gelu", "gelu"),
    (None, None, "gelu_new"),
  ],
)
def test_activation(tmp_path, tiny_content, stored, asked, expected):
  config = dict(BERT_CONFIG)
  del config["hidden_act"]
  if stored:
    config["hidden_act"] = stored
  (tmp_path / "bert_config.json").write_text(json.dumps(config))
  variables = opened(variables_of(tiny_content, "research"))
  model = conversion.model_of(variables, tmp_path / "bert_config.json", asked)
  assert model["activation"] == expected


def test_the_garden_s_shapes_stand_for_a_config(tiny_content):
  variables = opened(variables_of(tiny_content, "garden"))
  expected = MODEL | {"activation": "gelu_new", "position_offset": 0, "relative_buckets": 0}
  assert conversion.model_of(variables, None, None) == expected


@pytest.mark.parametrize(
  ("asked", "settings", "pooling", "said"),
  [
    (None, {}, "cls", "pooler (as LaBSE's"),
    (None, {"extra": NEXT_SENTENCE}, "mean", "mean (a head of pretraining"),
    (None, {"masked_lm": masked_lm_head(1)}, "mean", "mean (a head of pretraining"),
    (None, {"change": no_pooler}, "mean", "mean (there is no pooler)"),
    ("pooler", {"extra": NEXT_SENTENCE}, "cls", "pooler (asked for)"),
    ("max", {}, "max", "max (asked for)"),
  ],
)
def test_pooling(tiny_content, tiny_wordpiece, asked, settings, pooling, said):
  arrays = variables_of(tiny_content, "research", masked_lm=settings.get("masked_lm"))
  settings.get("change", lambda arrays: None)(arrays)
  content, decision = conversion.convert(
    opened(arrays, settings.get("extra", ())),
    MODEL,
    tiny_wordpiece / "tokenizer.json",
    pooling=asked,
    max_length=None,
  )
  assert decision.startswith(said)
  assert content.head["pooling"] == pooling and content.head["normalize"]
  used = pooling == "cls"
  assert ("dense" in content.params) == used and content.head["dense"] == (32 if used else 0)
  kept = not used and "change" not in settings
  assert bool(content.pooler) == kept, "a pooler that is not used is kept beside the model"
  assert ("masked_lm" in content.params) == ("masked_lm" in settings)
  assert content.max_length == 64, "no more than there are positions"


def test_a_vocabulary_of_another_size_is_refused(tiny_content, tiny_wordpiece):
  variables = opened(variables_of(tiny_content, "research"))
  with pytest.raises(InputError, match="table has 999 rows, the vocabulary 1,000 pieces"):
    conversion.convert(
      variables,
      MODEL | {"vocab_size": 999},
      tiny_wordpiece / "tokenizer.json",
      pooling=None,
      max_length=None,
    )
