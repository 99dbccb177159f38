"""Settings are checked where they are set, and hold for every call after that."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.encoding.sentence_encoder import SentenceEncoder

LONG = "x " * 100


@pytest.fixture
def encoder(tiny_folder):
  return SentenceEncoder(tiny_folder)


def test_max_seq_length_is_where_sentences_are_cut(encoder, tiny_encoder):
  encoder.max_seq_length = np.int64(12)
  assert encoder.max_seq_length == 12
  np.testing.assert_allclose(
    encoder.encode(LONG, warn=False), tiny_encoder.encode("x " * 5), atol=1e-6
  )
  assert encoder.tokenize(LONG)["input_ids"].shape == (1, 12)


@pytest.mark.parametrize("value", [0, 2, 65, "9", 9.5, None])
def test_a_limit_that_the_model_cannot_hold_is_refused(encoder, value):
  with pytest.raises(InputError, match=r"max_seq_length = .*(3 to 64|whole number)"):
    encoder.max_seq_length = value
  assert encoder.max_seq_length == 64


def test_truncate_dim_holds_until_a_call_says_else(encoder, tiny_encoder):
  whole = tiny_encoder.encode("a")
  encoder.truncate_dim = 5
  assert encoder.dimension == encoder.get_embedding_dimension() == 5
  assert encoder.get_sentence_embedding_dimension() == 5
  np.testing.assert_array_equal(encoder.encode("a"), whole[:5])
  np.testing.assert_array_equal(encoder.encode("a", truncate_dim=7), whole[:7])
  encoder.truncate_dim = 32
  np.testing.assert_array_equal(encoder.encode("a"), whole)
  encoder.truncate_dim = None
  assert encoder.dimension == 32
  with pytest.raises(InputError, match="truncate_dim = 0; it must be at least 1"):
    encoder.truncate_dim = 0
  more = "truncate_dim = 33; at most 32 is allowed, the dimensions that there are"
  with pytest.raises(InputError, match=more):
    encoder.truncate_dim = 33
  with pytest.raises(InputError, match=more):
    encoder.encode("a", truncate_dim=33)


def test_an_unknown_prompt_is_told_what_there_is_and_what_is_empty(encoder):
  with pytest.raises(InputError, match="There are no prompts .'query' and 'document' may be"):
    encoder.encode("a", prompt_name="passage")
  encoder.prompts = {"query": "query: "}
  said = (
    "Unknown prompt_name 'passage'. The prompts are ['query'] ('document' may be asked for too, "
    'and would be empty); or give prompt="passage: ".'
  )
  with pytest.raises(InputError) as caught:
    encoder.encode("a", prompt_name="passage")
  assert str(caught.value) == said
  encoder.prompts = {"query": "query: ", "document": "passage: "}
  with pytest.raises(
    InputError, match=r"'docment'; did you mean 'document'\? .*'query'\]; or give"
  ):
    encoder.encode("a", prompt_name="docment")
  with pytest.raises(InputError, match="Unknown prompt_name"):
    encoder.encode("a", prompt_name=["query"])


def test_prompts_and_the_default_one(encoder, tiny_encoder):
  given = {"query": "query: ", "none": None}
  encoder.prompts = given
  given["query"] = "changed"
  assert encoder.prompts == {"query": "query: ", "none": ""}
  encoder.default_prompt_name = "query"
  np.testing.assert_array_equal(encoder.encode("a"), tiny_encoder.encode("query: a"))
  with pytest.raises(InputError, match="'query' is not among the prompts .*None first"):
    encoder.prompts = {"other": ""}
  with pytest.raises(InputError, match="default_prompt_name is 'passage'; choose from .*, or None"):
    encoder.default_prompt_name = "passage"
  with pytest.raises(InputError, match="a dict of texts is needed"):
    encoder.prompts = ["query: "]
  encoder.default_prompt_name = None
  np.testing.assert_array_equal(encoder.encode("a"), tiny_encoder.encode("a"))


def test_the_similarity_is_one_of_four(encoder):
  encoder.similarity_fn_name = "dot"
  assert encoder.similarity([[2.0]], [[3.0]]) == 6
  with pytest.raises(InputError, match="similarity_fn_name 'cos'; did you mean 'cosine'"):
    encoder.similarity_fn_name = "cos"


def test_what_it_is(encoder):
  assert encoder.device.platform == "cpu" and encoder.dtype == "float32"
  assert encoder.params["bert"]
