"""The card of a model folder: what it says, and what cannot break it."""

import dataclasses
import re

import pytest

from labse_jax import model_folder
from labse_jax.model_folder import card


def text_of(folder):
  return (folder / card.NAME).read_text("utf-8")


@pytest.fixture
def written(tiny_content, tmp_path):
  """written(**About) -> the card of a folder that says so."""

  def write(**about):
    content = dataclasses.replace(tiny_content, about=card.About(**about))
    model_folder.write(tmp_path / "model", content)
    return text_of(tmp_path / "model")

  return write


def test_a_card_says_what_the_model_is_and_how_to_use_it(written, tiny_content):
  text = written()
  width = tiny_content.vector_width
  assert text.startswith("---\nlibrary_name: sentence-transformers\n")
  for said in (f"| vector | {width} dimensions", "# Encoder of sentences: BERT"):
    assert said in text
  assert "SentenceTransformer(" in text and "from labse_jax import SentenceEncoder" in text
  assert "Nothing, when this folder was written." in text and "license" not in text


def test_a_card_counts_the_parameters(written, tiny_content, tmp_path):
  text = written()
  tensors = card.Tensors(tmp_path / "model")
  count = sum(tensors.places[name].shape[0] for name in tensors if "bias" in name)
  said = int(re.search(r"\| parameters \| ([\d,]+),", text)[1].replace(",", ""))
  assert said > count and f"| word pieces | {tiny_content.model['vocab_size']:,} |" in text


def test_a_card_says_how_the_model_was_made_and_what_was_measured(written):
  text = written(
    made=("labse_jax made it.",),
    data=("Of text.",),
    measured=(("accuracy", "0.5", "a | b"),),
    languages=("deu", "zho-Hans", "no code"),
  )
  assert "labse_jax made it." in text and "Of text." in text
  assert "| accuracy | 0.5 | a \\| b |" in text
  assert "language:\n- 'deu'\n- 'zho'\n---" in text


def test_text_of_a_person_is_no_markup(written):
  text = written(made=("<script>alert(1)</script> [x](y)\n# Title",))
  assert "\\<script>" in text and "\\[x\\](y) # Title" in text


def test_names_stay_as_they_are_written(written):
  text = written(made=("From a_b/__data__ by &lt; and ~~x~~.",))
  assert r"From a_b/\_\_data\_\_ by \&lt; and \~\~x\~\~." in text


def test_a_name_that_is_no_utf_8_breaks_no_card(written):
  assert "From ?.txt." in written(made=("From \udcff.txt.",))


def test_the_licence_of_the_base_is_passed_on(written, tmp_path):
  base = tmp_path / "base"
  base.mkdir()
  (base / card.NAME).write_text("---\nlicense: apache-2.0\ntags: []\n---\nlicense: other\n")
  assert "license: apache-2.0\n" in written(base=base)
  (base / card.NAME).write_text("---\nlicense: 'mit' # as it was\n---\n")
  assert "license: mit\n" in written(base=base)
  (base / card.NAME).write_text("license: other\n")
  assert "license:" not in written(base=base)
  assert "license:" not in written(base=tmp_path / "gone")


@pytest.mark.parametrize(
  ("path", "shown"),
  [
    ("runs/quickstart/model", "runs/quickstart/model"),
    ("/home/someone/secret/run/model", "run/model"),
    ("/model", "model"),
    ("../../home/someone/model", "someone/model"),
    ("~/secret/run/model", "run/model"),
    ("/c/hub/models--org--LaBSE/snapshots/0a1b", "org/LaBSE"),
  ],
)
def test_a_path_is_shown_without_the_machine_s_folders(path, shown):
  assert card.shown(path) == shown


def test_int8_rows_are_for_labse_jax_alone(tiny_content, tmp_path):
  model_folder.write(tmp_path / "full", tiny_content)
  content = dataclasses.replace(tiny_content, dtype="int8_rows")
  model_folder.write(tmp_path / "model", content)
  first = text_of(tmp_path / "model")
  assert "SentenceTransformer(" not in first and "stored as int8_rows" in first
  parameters = re.compile(r"\| parameters \| ([\d,]+),")
  assert parameters.search(first)[1] == parameters.search(text_of(tmp_path / "full"))[1]
  model_folder.write_card(tmp_path / "model", card.About())  # As `trim --storage` does.
  assert text_of(tmp_path / "model") == first


def test_a_card_is_written_anew_when_more_is_known(tiny_folder, tmp_path, tiny_content):
  model_folder.write(tmp_path / "model", tiny_content)
  before = model_folder.fingerprint_of(tmp_path / "model")
  model_folder.write_card(tmp_path / "model", card.About(made=("Anew.",)))
  assert "Anew." in text_of(tmp_path / "model")
  assert model_folder.fingerprint_of(tmp_path / "model") == before
