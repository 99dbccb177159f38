"""config_sentence_transformers.json, written and read again."""

import json

import pytest

from labse_jax.base.errors import InputError
from labse_jax.model_folder import prompts


def test_what_is_written_is_read(tmp_path):
  prompts.write(tmp_path, {"query": "q: "}, "query", "dot")
  assert prompts.read(tmp_path) == ({"query": "q: "}, "query", "dot")


@pytest.mark.parametrize(
  "said", [{}, {"similarity_fn_name": None}, {"similarity_fn_name": "maxsim"}]
)
def test_cosine_stands_in_for_what_is_not_said_or_not_known(tmp_path, said):
  (tmp_path / prompts.NAME).write_text(json.dumps(said))
  assert prompts.read(tmp_path) == ({}, None, "cosine")


def test_no_file_is_no_prompt(tmp_path):
  assert prompts.read(tmp_path) == ({}, None, "cosine")


@pytest.mark.parametrize(
  ("said", "message"),
  [
    ({"prompts": {"q": 3}}, "transformers.json: prompts is .*a dict of texts"),
    (
      {"default_prompt_name": "q"},
      "json: default_prompt_name is 'q', but there are no prompts",
    ),
    ({"prompts": {"q": "\ud800"}}, "prompts: q: '.ud800' is not Unicode text"),
    ({"prompts": {"\ud800": "q"}}, "prompts: '.ud800' is not Unicode text"),
    ({"truncate_dim": 8}, "truncate_dim is not supported"),
  ],
)
def test_what_cannot_be_read_is_said_with_its_file(tmp_path, said, message):
  (tmp_path / prompts.NAME).write_text(json.dumps(said))
  with pytest.raises(InputError, match=message):
    prompts.read(tmp_path)
