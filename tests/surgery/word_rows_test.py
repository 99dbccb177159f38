"""Rows of the word table kept and added, and the folder that they are written to."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.surgery import tokenizer_edits, word_rows
from labse_jax.tokenizer.tokenizer import Tokenizer


@pytest.fixture
def with_masked_lm(tiny_content):
  """`tiny_content` with the head of pretraining."""
  rng = np.random.default_rng(1)

  def drawn(*shape):
    return rng.normal(size=shape).astype(np.float32)

  bias = np.pad(drawn(1000), (0, 24))
  head = {
    "transform": {"kernel": drawn(32, 32), "bias": drawn(32)},
    "norm": {"scale": drawn(32), "bias": drawn(32)},
    "output_bias": bias,
  }
  return dataclasses.replace(tiny_content, params=tiny_content.params | {"masked_lm": head})


KEPT = np.array([*range(5), 7, 300, 998])


def test_a_cut_model_has_these_rows_and_the_rest_as_it_was(with_masked_lm):
  cut = word_rows.cut(with_masked_lm, KEPT)
  old, new = with_masked_lm.params, cut.params
  assert cut.model == with_masked_lm.model | {"vocab_size": 8}
  table = new["bert"]["word_embedding"]
  assert table.shape == (128, 32) and not table[8:].any()
  assert np.array_equal(table[:8], old["bert"]["word_embedding"][KEPT])
  bias = new["masked_lm"]["output_bias"]
  assert bias.shape == (128,) and not bias[8:].any()
  assert np.array_equal(bias[:8], old["masked_lm"]["output_bias"][KEPT])
  assert new["bert"]["blocks"] is old["bert"]["blocks"] and new["dense"] is old["dense"]
  assert new["masked_lm"]["transform"] is old["masked_lm"]["transform"]
  assert old["bert"]["word_embedding"].shape == (1024, 32)  # Nothing is changed in place.


@pytest.mark.parametrize("first", [1000, 990])
def test_a_new_row_is_the_mean_of_its_parts(with_masked_lm, first):
  grown = word_rows.grow(with_masked_lm, first, [[7, 8, 8], [3]])
  assert grown.model["vocab_size"] == first + 2
  for part, name in (("bert", "word_embedding"), ("masked_lm", "output_bias")):
    old, new = with_masked_lm.params[part][name], grown.params[part][name]
    assert np.array_equal(new[:first], old[:first]) and len(new) == 1024
    expected = (old[7].astype(float) + 2 * old[8].astype(float)) / 3
    np.testing.assert_allclose(new[first], expected, atol=1e-6)
    assert np.array_equal(new[first + 1], old[3]) and not new[first + 2 :].any()


def written(path, content, kept):
  tokenizer = tokenizer_edits.load(Tokenizer(content.tokenizer_file))
  word_rows.write(path, word_rows.cut(content, kept), tokenizer_edits.cut(tokenizer, kept))
  return (path / "model.safetensors").stat().st_size


def test_the_written_folder_has_both_and_the_names_of_special_tokens(tmp_path, with_masked_lm):
  file = tmp_path / "tokenizer.json"
  shutil.copyfile(with_masked_lm.tokenizer_file, file)
  file.with_name("tokenizer_config.json").write_text('{"eos_token": "[MASK]"}')
  written(tmp_path / "m", dataclasses.replace(with_masked_lm, tokenizer_file=file), KEPT)
  back = model_folder.read(tmp_path / "m", pretraining=True)
  assert back.model["vocab_size"] == len(Tokenizer(back.tokenizer_file)) == 8
  assert np.array_equal(
    back.params["masked_lm"]["output_bias"][:8],
    with_masked_lm.params["masked_lm"]["output_bias"][KEPT],
  )
  settings = json.loads((tmp_path / "m" / "tokenizer_config.json").read_text())
  assert settings["eos_token"] == "[MASK]" and settings["sep_token"] == "[SEP]"


@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8_rows"])
def test_byte_counts_are_the_files(tmp_path, tiny_content, with_masked_lm, dtype, head):
  content = dataclasses.replace(with_masked_lm if head else tiny_content, dtype=dtype)
  body, row = word_rows.byte_counts(content)
  few, many = (written(tmp_path / str(n), content, np.arange(n)) for n in (100, 900))
  assert abs(many - few - 800 * row) <= 128  # The header counts in longer numbers.
  assert 0 <= body + 100 * row - few < 6000


def test_an_id_without_a_row_is_said(tiny_content):
  assert len(word_rows.tokenizer_of(tiny_content)) == 1000
  content = dataclasses.replace(tiny_content, model=tiny_content.model | {"vocab_size": 999})
  with pytest.raises(InputError, match="has the ids 0 to 999, the model has 999 rows"):
    word_rows.tokenizer_of(content)
