"""Each public name of the installed SentenceTransformer is here, or says what to do instead."""

import inspect
import re
import sys

import pytest

from labse_jax.encoding import habits
from labse_jax.encoding.sentence_encoder import ENCODE_NAMES, OPENING_NAMES, SentenceEncoder
from tests.support.needs import need_torch
from tests.support.places import ROOT

PAGE = ROOT / "docs" / "sentence_transformers.md"
OWN_CUT = "cut"  # An older name of this package's own.


def tables():
  """The page's three tables: {name: what its row says} each."""
  found = []
  for table in re.findall(r"\|---\|---\|\n((?:\|.*\n)+)", PAGE.read_text("utf-8")):
    rows = {}
    for line in table.splitlines():
      names, said = line.strip("| ").split(" | ", 1)
      rows |= dict.fromkeys(re.findall(r"`(\w+)[^`]*`", names), said)
    found.append(rows)
  return found


def theirs():
  need_torch()
  from sentence_transformers import SentenceTransformer

  return SentenceTransformer


def test_no_public_name_of_theirs_is_left_out():
  has, instead, _ = tables()
  names = {name for name in dir(theirs()) if not name.startswith("_")}
  assert not names - has.keys() - instead.keys()


def test_no_argument_of_theirs_is_left_out():
  own = {"kwargs", *OPENING_NAMES, *ENCODE_NAMES}
  for call in (SentenceEncoder.__init__, SentenceEncoder.encode, SentenceEncoder.save):
    own |= set(inspect.signature(call).parameters)
  kind = theirs()
  *_, arguments = tables()
  for call in (kind.__init__, kind.encode, kind.encode_query, kind.encode_document, kind.save):
    assert not set(inspect.signature(call).parameters) - own - arguments.keys(), call


def test_what_the_page_says_is_here_is_here():
  has, instead, _ = tables()
  del has["SentenceTransformer"]
  assert all(hasattr(SentenceEncoder, name) for name in has)
  assert not has.keys() & instead.keys()


def test_the_page_says_what_the_code_says():
  _, instead, arguments = tables()
  assert instead == {name: said for name, said in habits.ATTRIBUTES.items() if name != OWN_CUT}
  assert arguments == habits.ARGUMENTS


@pytest.mark.parametrize("name", habits.ATTRIBUTES)
def test_a_name_without_sense_here_says_what_to_do(tiny_encoder, name):
  with pytest.raises(AttributeError, match=f"SentenceEncoder has no {name}: ") as caught:
    getattr(tiny_encoder, name)
  assert habits.ATTRIBUTES[name] in str(caught.value) and "\n" not in str(caught.value)
  with pytest.raises(AttributeError, match=f"SentenceEncoder has no {name}: "):
    setattr(tiny_encoder, name, 1)


@pytest.mark.parametrize("name", habits.ARGUMENTS)
def test_an_argument_without_sense_here_says_what_to_do(tiny_encoder, tiny_folder, name):
  calls = [
    lambda **given: tiny_encoder.encode("a", **given),
    lambda **given: tiny_encoder.encode_query("a", **given),
    lambda **given: SentenceEncoder(tiny_folder, **given),
    lambda **given: tiny_encoder.save("nowhere", **given),
  ]
  if name == "precision":  # What opens a folder takes it: it is the older name of dtype.
    del calls[2]
  for call in calls:
    with pytest.raises(TypeError, match=f"takes no {name}: ") as caught:
      call(**{name: ["anything"]})
    assert "\n" not in str(caught.value)


def test_what_is_usual_here_passes(tiny_encoder, tiny_folder, tmp_path):
  usual = {"convert_to_tensor": False, "device": None, "precision": "float32", "pool": None}
  assert tiny_encoder.encode("a", output_value="sentence_embedding", **usual).shape == (32,)
  empty = dict.fromkeys(("model_kwargs", "tokenizer_kwargs", "config_kwargs"), {})
  encoder = SentenceEncoder(tiny_folder, trust_remote_code=False, token=None, **empty)
  encoder.save(tmp_path / "m", safe_serialization=True, create_model_card=True, model_name=None)


@pytest.mark.parametrize(
  ("name", "value"),
  [
    ("safe_serialization", False),
    ("safe_serialization", 1),
    ("create_model_card", False),
    ("trust_remote_code", True),
    ("model_kwargs", {"torch_dtype": "float16"}),
    ("output_value", None),  # It asks for the vectors of tokens too.
    ("output_value", "float32"),
    ("device", False),
  ],
)
def test_what_is_usual_for_another_argument_does_not_pass(name, value):
  assert not habits.is_usual(name, value)


def test_only_settings_can_be_set(tiny_encoder):
  wanted = {
    "encode": "encode is a method and cannot be set; default_prompt_name, .*truncate_dim can",
    "get_embedding_dimension": "cannot be set: set encoder.truncate_dim",
    "similarity": "cannot be set: set encoder.similarity_fn_name to 'cosine', 'dot'",
    "similarity_pairwise": "cannot be set: set encoder.similarity_fn_name",
  }
  for name, message in wanted.items():
    with pytest.raises(AttributeError, match=message):
      setattr(tiny_encoder, name, "dot")
  assert tiny_encoder.encode("a").shape == (32,)


@pytest.mark.parametrize(
  ("call", "kind", "message"),
  [
    (lambda e: e.encodee, AttributeError, "no 'encodee'; did you mean 'encode'"),
    (lambda e: e.get_dimension, AttributeError, "did you mean 'dimension'"),
    (lambda e: e.zzz, AttributeError, r"no 'zzz'\. help\(SentenceEncoder\)"),
    (lambda e: setattr(e, "max_length_", 9), AttributeError, "did you mean 'max_seq_length'"),
    (lambda e: setattr(e, "device", "cpu"), AttributeError, "device cannot be set: it runs on"),
    (lambda e: setattr(e, "dimension", 3), AttributeError, "dimension cannot be set: .*truncate"),
    (lambda e: e.encode("a", show_progress=True), TypeError, "did you mean 'show_progress_bar'"),
    (lambda e: e.encode_query("a", normalize=True), TypeError, "'normalize_embeddings'"),
    (lambda e: type(e).load("x", dtyp="y"), TypeError, "takes no 'dtyp'; did you mean 'dtype'"),
    (lambda e: type(e)("x", dtype="float16"), ValueError, "dtype 'float16'; did you mean 'bfloat1"),
  ],
)
def test_what_is_spelt_wrongly_is_answered_with_the_nearest(tiny_encoder, call, kind, message):
  with pytest.raises(kind, match=message) as caught:
    call(tiny_encoder)
  assert "\n" not in str(caught.value)


def test_a_name_that_is_not_there_is_not_there(tiny_encoder):
  assert not hasattr(tiny_encoder, "to") and not hasattr(tiny_encoder, "__array__")
  assert getattr(tiny_encoder, "half", None) is None


@pytest.mark.parametrize(("name", "hints"), [("encodee", 1), ("dtipe", 1), ("fit", 0), ("zzz", 0)])
def test_python_adds_no_hint_of_its_own(tiny_encoder, capsys, name, hints):
  with pytest.raises(AttributeError) as caught:
    getattr(tiny_encoder, name)
  sys.__excepthook__(caught.type, caught.value, None)  # Python adds its hint as it prints.
  shown = capsys.readouterr().err
  assert shown.lower().count("did you mean") == hints
  assert ".." not in shown
