"""Calls made from habit work, or say in one line what to type instead."""

import inspect

import numpy as np
import pytest

from labse_jax.encoding import calls
from labse_jax.encoding.sentence_encoder import SentenceEncoder


class Shop:
  """Something that is called."""

  @calls.checked("sell", other_names={"item": "thing"})
  def sell(self, thing, count=1, *, price=None):
    """Sells."""
    return thing, count, price

  @calls.checked("give", like=sell, other_names={"item": "thing"})
  def give(self, thing, *others, **options):
    """Gives."""
    return self.sell(thing, *others, **options)


def test_other_names_and_usual_arguments_are_taken():
  for call in (Shop().sell, Shop().give):
    assert call(item="pen", price=3) == call("pen", 1, price=3, device=None) == ("pen", 1, 3)


def test_help_shows_the_own_arguments():
  assert str(inspect.signature(Shop().sell)) == "(thing, count=1, *, price=None)"
  assert inspect.signature(Shop.give) == inspect.signature(Shop.sell)
  assert Shop.give.__doc__ == "Gives."


@pytest.mark.parametrize(
  ("values", "given", "message"),
  [
    ([], {}, "give needs thing; give it first"),
    (["a", 1, 2], {}, "takes only thing, count without a name, and got 3 values; name .*: price="),
    (["a"], {"item": "b"}, "got thing twice, by its place and by its name"),
    ([], {"thing": "a", "item": "b"}, "got thing twice, also as item"),
    (["a"], {"prise": 3}, "takes no 'prise'; did you mean 'price'. It takes thing, count, price"),
    (["a"], {"device": "cpu"}, "takes no device: it runs on every device"),
  ],
)
def test_a_wrong_call_says_what_to_type(values, given, message):
  with pytest.raises(TypeError, match=message) as caught:
    Shop().give(*values, **given)
  assert "\n" not in str(caught.value)


def test_the_first_argument_has_its_name_of_sentence_transformers(tiny_folder, tiny_encoder):
  expected = tiny_encoder.encode("a")
  encoder = SentenceEncoder(model_name_or_path=tiny_folder)
  for vector in (
    encoder.encode(inputs="a"),
    encoder.encode_query(inputs="a"),
    SentenceEncoder.load(model_name_or_path=tiny_folder).encode_document(inputs="a"),
    encoder.encode_query("a", None, None, 32),
    encoder.encode_document("a", None, "", 32, False),
  ):
    np.testing.assert_array_equal(vector, expected)


@pytest.mark.parametrize("call", [SentenceEncoder, SentenceEncoder.load])
def test_what_follows_the_folder_needs_its_name(tiny_folder, call):
  for value in ("cpu", "bfloat16"):
    with pytest.raises(TypeError, match="only folder without a name.*name what follows: dtype=, p"):
      call(tiny_folder, value)
  with pytest.raises(TypeError, match="SentenceEncoder needs folder"):
    call()
