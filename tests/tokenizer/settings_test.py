"""What is read from the small files beside a vocabulary, and what of it is refused."""

import json

import pytest

from labse_jax.base.errors import InputError
from labse_jax.tokenizer import settings


def write(folder, **contents):
  for name, content in contents.items():
    (folder / f"{name}.json").write_text(json.dumps(content))


def flags(token):
  return token.content, token.lstrip, token.normalized, token.special


def test_the_older_files_count_where_the_newer_says_nothing_of_added_tokens(tmp_path):
  write(
    tmp_path,
    tokenizer_config={"cls_token": "[A]", "mask_token": "<m>"},
    special_tokens_map={"cls_token": "[B]"},
    added_tokens={"<m>": 12, "new": 11},
  )
  config = settings.read(tmp_path)
  assert config["cls_token"] == "[B]"
  added = settings.added_tokens(config, tmp_path)
  assert list(added) == [11, 12]  # Added in this order, so that each has its id.
  assert flags(added[11]) == ("new", False, True, False)
  assert flags(added[12]) == ("<m>", False, False, True)
  write(tmp_path, tokenizer_config={"cls_token": "[A]", "added_tokens_decoder": {}})
  assert settings.read(tmp_path) == {"cls_token": "[A]", "added_tokens_decoder": {}}


def test_special_tokens_have_the_folder_s_names_and_flags(tmp_path):
  mask = {"content": "<m>", "lstrip": True, "normalized": False}
  pad = {"content": "[P]", "normalized": True}
  write(
    tmp_path,
    tokenizer_config={
      "mask_token": "<m>",
      "pad_token": pad,
      "unk_token": None,
      "added_tokens_decoder": {"4": mask | {"special": True}},
    },
  )
  defaults = {"mask_token": "[MASK]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
  tokens = settings.special_tokens(settings.read(tmp_path), defaults, tmp_path)
  assert {name: flags(token) for name, token in tokens.items()} == {
    "mask_token": ("<m>", True, False, True),
    "pad_token": ("[P]", False, True, True),
    "unk_token": ("[UNK]", False, False, True),
  }


@pytest.mark.parametrize(
  "files, name",
  [
    ({}, "BertTokenizer"),
    ({"config": {"model_type": "mpnet"}}, "MPNetTokenizer"),
    ({"config": {"model_type": "mpnet", "tokenizer_class": "BertTokenizerFast"}}, "BertTokenizer"),
    (
      {
        "config": {"model_type": "bert", "tokenizer_class": "BertTokenizer"},
        "tokenizer_config": {"tokenizer_class": "PreTrainedTokenizerFast"},
      },
      "PreTrainedTokenizer",
    ),
  ],
)
def test_the_class_that_transformers_would_take(tmp_path, files, name):
  write(tmp_path, **files)
  assert settings.tokenizer_class(tmp_path) == name


def test_case_accents_and_cjk_by_default(tmp_path):
  assert settings.normaliser({}, tmp_path) == {
    "clean_text": True,
    "lowercase": True,
    "strip_accents": None,
    "handle_chinese_chars": True,
  }
  config = {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}
  assert list(settings.normaliser(config, tmp_path).values()) == [True, False, True, False]


@pytest.mark.parametrize(
  "content, said",
  [
    ("{", "tokenizer_config.json: cannot be read as JSON"),
    ("[]", "tokenizer_config.json: holds a list"),
    ('{"do_lower_case": "no"}', "do_lower_case is 'no'; true or false"),
    ('{"tokenize_chinese_chars": null}', "tokenize_chinese_chars is None"),
    ('{"mask_token": 4}', "4 in its tokenizer_config.json or special_tokens_map.json is no token"),
    ('{"added_tokens_decoder": {"x": {"content": "a"}}}', "added token has the id 'x'"),
    ('{"added_tokens_decoder": {"5": {"lstrip": true}}}', "is no token"),
    ('{"added_tokens_decoder": []}', "added_tokens_decoder is \\[\\]; an object"),
    ('{"additional_special_tokens": "<q>"}', "additional_special_tokens is '<q>'; a list"),
    ('{"additional_special_tokens": [null]}', "None .* is no token"),
  ],
)
def test_bad_settings_are_said_in_one_line(tmp_path, content, said):
  (tmp_path / "tokenizer_config.json").write_text(content)
  with pytest.raises(InputError, match=said):
    config = settings.read(tmp_path)
    settings.normaliser(config, tmp_path)
    settings.special_tokens(config, {"mask_token": "[MASK]"}, tmp_path)
    settings.more_special_tokens(config, tmp_path)
