"""How long a text may be, from the files that may say so; and what of them is refused."""

import json

import pytest

from labse_jax.base.errors import InputError
from labse_jax.model_folder import limits

MODEL = {"positions": 66, "position_offset": 2}


def write(folder, **contents):
  for name, content in contents.items():
    (folder / f"{name}.json").write_text(json.dumps(content))


def test_the_length_is_the_folder_s_and_no_more_than_the_positions(tmp_path):
  assert limits.read(tmp_path, MODEL) == 64
  write(tmp_path, tokenizer_config={"max_len": 30})
  assert limits.read(tmp_path, MODEL) == 30
  write(tmp_path, tokenizer_config={"max_len": 30, "model_max_length": 40})
  assert limits.read(tmp_path, MODEL) == 40
  write(tmp_path, **{"sentence_xlm-roberta_config": {"max_seq_length": 20}})
  assert limits.read(tmp_path, MODEL) == 20
  # The newest name counts before those that tell a model's type, unless it says nothing.
  write(tmp_path, sentence_bert_config={})
  assert limits.read(tmp_path, MODEL) == 20
  write(tmp_path, sentence_bert_config={"max_seq_length": 999})
  assert limits.read(tmp_path, MODEL) == 64


def test_what_is_written_is_read(tmp_path):
  limits.write(tmp_path, 17)
  assert limits.read(tmp_path, MODEL) == 17


def test_options_that_change_no_vector_pass(tmp_path):
  write(tmp_path, sentence_bert_config=limits.ONLY | {"model_args": {"dtype": "float16"}})
  assert limits.read(tmp_path, MODEL) == 64


@pytest.mark.parametrize(
  ("content", "said"),
  [
    ({"max_seq_length": 2}, "max_seq_length is 2; at least 3"),
    ({"do_lower_case": True}, "do_lower_case is not supported"),
    ({"query_length": 32}, "query_length is 32; only None is supported"),
    (
      {"model_args": {"output_hidden_states": True}},
      "model_args is {'output_hidden_states': True}",
    ),
  ],
)
def test_what_is_refused(tmp_path, content, said):
  write(tmp_path, sentence_bert_config=content)
  with pytest.raises(InputError, match=said):
    limits.read(tmp_path, MODEL)
